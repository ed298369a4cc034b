"""JupyterLite: the notebooks run in the reader's browser, with a Python, wheels and Graphviz that lie beside them."""

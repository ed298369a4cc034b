// What the kernel of the notebooks calls for a Python: Pyodide with the wheels of this folder, pictures laid out by Graphviz.
import { loadPyodide as pyodide } from "./pyodide.mjs";
import { instance } from "./viz.js";

export async function loadPyodide({ packages, ...options }) {
  const shipped = packages.filter(name => name !== "jedi"); // the kernel asks an index for it unless it is named; IPython completes without
  const [python, viz] = await Promise.all([pyodide({ ...options, packages: shipped }), instance()]);
  python.pyimport("engine.picture").use_renderer((dot, format) => {
    const { status, output, errors } = viz.render(dot, { format, engine: "dot" });
    if (status !== "success") throw new Error(errors.map(e => e.message).join("; "));
    return output;
  });
  return python;
}

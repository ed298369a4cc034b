"""What formulas of arrays are put together from, in Unicode, LaTeX and MathML: a product of matrices, a sum over an axis, …"""

LOW = str.maketrans("ijklmoprstuv0123456789", "ᵢⱼₖₗₘₒₚᵣₛₜᵤᵥ₀₁₂₃₄₅₆₇₈₉")
FORMS = {
    "unicode": {
        "product": "{0}·{1}", "elementwise": "{0} ⊙ {1}", "transposed": "{0}ᵀ", "inverse": "{0}⁻¹", "element": "{0}[{1}]",
        "call": "{0}({1})", "along": "{0}{1}({2})", "sum": "Σ{0} {1}", "diag": "diag({0})", "column": "{0}·1ᵀ",
        "cases": "where({0}, {1}, {2})", "list": "[{0}]", "rows": "[{0}]", "equation": "{0} = {1}",
        "rounds": "{0}, {1} = 0, …, {2}",
    },
    "latex": {
        "product": r"{0} \, {1}", "elementwise": r"{0} \odot {1}", "transposed": r"{0}^{{\top}}", "inverse": "{0}^{{-1}}",
        "element": "{0}_{{{1}}}", "call": r"{0}\left({1}\right)", "along": r"{0}_{{{1}}}\left({2}\right)",
        "sum": r"\sum_{{{0}}} {1}", "diag": r"\operatorname{{diag}}\left({0}\right)", "column": r"{0} \mathbf{{1}}^{{\top}}",
        "cases": r"\begin{{cases}} {1} & {0} \\ {2} & \text{{else}} \end{{cases}}", "list": r"\left[{0}\right]",
        "rows": r"\begin{{bmatrix}} {0} \end{{bmatrix}}", "equation": "{0} &= {1}",
        "rounds": r"{0}, \quad {1} = 0, \dots, {2}",
    },
    "mathml": {
        "product": "<mrow>{0}<mo>&#8290;</mo>{1}</mrow>", "elementwise": "<mrow>{0}<mo>⊙</mo>{1}</mrow>",
        "transposed": "<msup>{0}<mo>⊤</mo></msup>", "inverse": "<msup>{0}<mrow><mo>−</mo><mn>1</mn></mrow></msup>",
        "element": "<msub>{0}<mrow>{1}</mrow></msub>", "call": "<mrow>{0}<mo>(</mo>{1}<mo>)</mo></mrow>",
        "along": "<mrow><msub>{0}<mrow>{1}</mrow></msub><mo>(</mo>{2}<mo>)</mo></mrow>",
        "sum": "<mrow><munder><mo>∑</mo><mrow>{0}</mrow></munder>{1}</mrow>",
        "diag": "<mrow><mi>diag</mi><mo>(</mo>{0}<mo>)</mo></mrow>", "column": "<mrow>{0}<msup><mn>1</mn><mo>⊤</mo></msup></mrow>",
        "cases": "<mrow><mi>where</mi><mo>(</mo>{0}<mo>,</mo>{1}<mo>,</mo>{2}<mo>)</mo></mrow>",
        "list": "<mrow><mo>[</mo>{0}<mo>]</mo></mrow>", "rows": "<mrow><mo>[</mo>{0}<mo>]</mo></mrow>",
        "equation": "{0}<mo>=</mo>{1}",
        "rounds": "{0}<mo>,</mo>{1}<mo>=</mo><mn>0</mn><mo>,</mo><mo>…</mo><mo>,</mo><mn>{2}</mn>",
    },
}  # fmt: skip
COMMA = {"unicode": ", ", "latex": ", ", "mathml": "<mo>,</mo>"}
BELOW = {"unicode": "; ", "latex": r" \\ ", "mathml": "<mo>;</mo>"}
DOTS = {"unicode": "…", "latex": r"\dots", "mathml": "<mo>…</mo>"}

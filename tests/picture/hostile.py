"""Labels that try to be more than text: forty of them."""

LABELS = [
    "<script>alert(1)</script>", "</script><script>alert(1)</script>", "</title><script>alert(1)</script>", "]]>",
    "<![CDATA[x]]>", "<!-- x -->", "--> <b>x</b>", '"', "'", "\"'\"'", "\\", "\\\\", "\\N", "\\G\\L\\E\\T\\H", "\\l\\r\\n",
    "a\nb", "a\r\nb", "\n", "\t", "\0", "a\0b", "\x1b[31mred\x1b[0m", "\x7f\x80\x9f", "\u202egnp.exe", "\u2066x\u2069\u200e\u200f",
    "\ud800", "\ufffe\uffff", "😀", "👩‍👩‍👧‍👦", "漢字かな", "e\u0301\u0323\u0330", "x" * 10_000, "\\input{/etc/passwd}",
    "\\end{align*}\\write18{ls}", "$x$ % & # _ ^ ~ {", "{{{", "}}}", "&lt;script&gt;&amp;&#60;", 'a" onload="alert(1)',
    "javascript:alert(1)", "<img src=x onerror=alert(1)>", "];}digraph{a->b", '"]; evil [label="x', "%DATA%", "{0:1}", "", " ",
]  # fmt: skip

// Python in a worker. It is given its files, asks no network for anything, and answers through a port; python.js says what is said.
"use strict";
const STACK = 96 * 1024; // bytes of C's stack that Python may use: then the browser's own, which is less, is never at its end
self.importScripts = () => { throw new Error("a worker that imports"); }; // Pyodide asks: modules are imported here, too
self.addEventListener("message", ({ data: { files }, ports: [port] }) => run(files, port), { once: true });

async function run(files, port) {
  const started = performance.now();
  const link = name => URL.createObjectURL(new Blob([files[name]], { type: "text/javascript" }));
  const text = name => new TextDecoder().decode(files[name]);
  const broken = error => String((error instanceof RangeError && "the program nests too deep for a browser, as a tuple in a tuple does, thousands of times; Python on your own machine runs it") || error?.message || error);

  try {
    const own = self.fetch; // Pyodide asks for its files by address: here they are
    self.fetch = async asked => {
      const name = String(asked.url ?? asked).split("/").at(-1);
      return new Response(files[name], { headers: { "Content-Type": name.endsWith(".wasm") ? "application/wasm" : "application/zip" } });
    };
    const [{ loadPyodide }, { default: createPyodideModule }, viz] = await Promise.all([
      import(link("pyodide.mjs")), import(link("pyodide.asm.mjs")), import(link("viz.js")).then(module => module.instance()),
    ]);
    const lockFileContents = JSON.parse(text("pyodide-lock.json"));
    const python = await loadPyodide({ createPyodideModule, lockFileContents, indexURL: "https://page.invalid/", env: { HOME: "/home/pyodide" } });
    self.fetch = own;
    // A recursion through C is a RecursionError of the program then, and not the end of its Python.
    const c = python._module;
    c._PyUnstable_ThreadState_SetStackProtection(c._PyThreadState_Get(), c._emscripten_stack_get_base() - STACK, STACK);
    const { PythonError } = python.ffi; // read now: of a Python that broke nothing can be read
    python.FS.writeFile("/chainrule.zip", new Uint8Array(files["chainrule.zip"]));
    python.runPython("import sys; sys.path.insert(0, '/chainrule.zip')");
    const answers = python.pyimport("demos.playground.answers");
    python.pyimport("engine.picture").use_renderer((dot, format) => {
      const { status, output, errors } = viz.render(dot, { format, engine: "dot" });
      if (status !== "success") throw new Error(errors.map(e => e.message).join("; "));
      return output;
    });
    port.onmessage = ({ data: { id, call, given, wheels } }) => {
      try {
        if (wheels) {
          for (const [name, wheel] of Object.entries(wheels)) python.unpackArchive(wheel, "wheel", { name });
          port.postMessage({ id, answer: "{}" });
        } else {
          port.postMessage({ id, answer: answers.answer(call, given, said => port.postMessage({ id, said })) });
        }
      } catch (error) { // a recursion through C overflows the worker's stack, which no Python survives
        port.postMessage({ id, broken: broken(error), fatal: !(error instanceof PythonError) });
      }
    };
    port.postMessage({ ready: python.runPython("import platform; platform.python_version()"), ms: Math.round(performance.now() - started) });
  } catch (error) {
    port.postMessage({ broken: broken(error), fatal: true });
  }
}

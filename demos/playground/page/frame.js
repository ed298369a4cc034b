// A frame without an origin of its own (sandbox="allow-scripts"), which owns the worker that runs Python: what runs there has
// no cookies, no storage and no address to send anything to. It is given all it needs, and speaks through a port only.
"use strict";
addEventListener("message", ({ source, data, ports }) => {
  if (source !== window.parent) return;
  // No module: Chromium starts none from a frame without an origin.
  const worker = new Worker(URL.createObjectURL(new Blob([data.files["worker.js"]], { type: "text/javascript" })));
  worker.addEventListener("error", ev => source.postMessage({ broken: ev.message || "its worker did not start" }, "*"));
  worker.postMessage(data, [ports[0], ...Object.values(data.files)]);
}, { once: true });

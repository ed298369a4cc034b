// Python, in a worker that a sandboxed frame owns (frame.js): the page fetches what it needs and hands it over.
//
// What is said through the port, by the page:
//   { id, call: "tab.name", given }   call the function `name` of tabs/tab.py; `given` is JSON
//   { id, wheels: { name: bytes } }   install wheels
// and by the worker:
//   { ready, ms }                     Python is there: its version, and the milliseconds it took
//   { id, said }                      what the function tells on its way; JSON
//   { id, answer }                    what it returned; JSON
//   { id, broken, fatal }             it raised; `fatal`: Python does not survive it, and another is started
//
// A program that does not end is ended with its Python: `stop` removes the frame, and starts another.

export class Stopped extends Error {}

// Files are fetched once, and kept for the next Python.
const kept = new Map();
let sizes = null;
async function files(use, told) {
  let failed = false;
  sizes ??= await (await fetch("files.json")).json();
  const all = Object.values(sizes[use]).reduce((a, b) => a + b, 0);
  let there = 0;
  const whole = async name => {
    if (!kept.has(name)) {
      const answer = await fetch(name), parts = [];
      if (!answer.ok) throw new Error(`${name} is not there (${answer.status})`);
      for (const reader = answer.body.getReader(); ;) {
        const { done, value } = await reader.read();
        if (done) break;
        parts.push(value);
        there += value.length;
        if (!failed) told(there / all);
      }
      kept.set(name, await new Blob(parts).arrayBuffer());
    }
    return [name, kept.get(name).slice(0)];
  };
  try {
    return Object.fromEntries(await Promise.all(Object.keys(sizes[use]).map(whole)));
  } catch (error) {
    failed = true;
    throw error;
  }
}

export class Python {
  // It loads once `first` is done. told(state, detail): "loading" with a share from 0 to 1, "starting", "ready" with a
  // version, "broken" with why.
  constructor(first, told) {
    Object.assign(this, { first, told });
    this.start();
  }

  start() {
    Object.assign(this, { waiting: new Map(), count: 0, added: new Map(), ms: undefined, restarted: this.frame !== undefined });
    this.frame = Object.assign(document.createElement("iframe"), { src: "frame.html", hidden: true, title: "Python" });
    this.frame.setAttribute("sandbox", "allow-scripts");
    const { frame } = this, { port1, port2 } = new MessageChannel();
    this.port = port1;
    this.ready = new Promise(resolve => {
      port1.onmessage = ({ data }) => {
        if (frame !== this.frame) return;
        if (data.ready) { this.ms = data.ms; this.told("ready", data.ready); resolve(); } else this.hear(data);
      };
    });
    window.addEventListener("message", this.listen = ({ source, data }) => {
      if (source === frame.contentWindow && data.broken) this.hear({ broken: data.broken, fatal: true });
    });
    const loaded = new Promise(resolve => frame.addEventListener("load", resolve, { once: true }));
    document.body.append(frame);
    this.told("loading", 0);
    const here = this.first.then(() => files("python", share => this.told("loading", share)));
    Promise.all([here, loaded]).then(([given]) => {
      if (frame !== this.frame) return;
      this.told("starting");
      frame.contentWindow.postMessage({ files: given }, "*", [port2, ...Object.values(given)]); // "*": the frame has no origin to name
    }, error => this.told("broken", error.message));
  }

  hear({ id, said, answer, broken, fatal }) {
    const asked = this.waiting.get(id);
    if (said !== undefined) return asked?.said?.(JSON.parse(said));
    if (fatal) return this.ms === undefined ? this.told("broken", broken) : this.stop(broken); // one that does not start is let be
    this.waiting.delete(id);
    return answer === undefined ? asked?.reject(new Error(broken)) : asked?.resolve(JSON.parse(answer));
  }

  // The answer of a function of tabs/tab.py, asked as "tab.name"; `said` hears what it tells before.
  async ask(call, given, said) {
    const { frame } = this;
    await this.ready;
    if (frame !== this.frame) throw new Stopped("stopped");
    return this.send({ call, given: JSON.stringify(given) }, said);
  }

  send(message, said) {
    const id = ++this.count;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject, said });
      this.port.postMessage({ id, ...message });
    });
  }

  // Install the wheels that files.json has for a use, such as "checks", once for each Python; `told` hears a share from 0 to 1.
  add(use, told = () => {}) {
    if (!this.added.has(use)) {
      this.added.set(use, files(use, told).then(async wheels => {
        await this.ready;
        return this.send({ wheels });
      }));
    }
    return this.added.get(use);
  }

  get busy() { return this.waiting.size > 0; }

  // End what runs, with its Python; another one starts.
  stop(why = "stopped") {
    const { waiting, frame, listen } = this;
    frame.remove();
    window.removeEventListener("message", listen);
    this.start();
    for (const { reject } of waiting.values()) reject(new Stopped(why));
  }
}

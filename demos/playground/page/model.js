// What stands for a notebook's widget model: live.js asks for nothing else.
export class Model {
  constructor(state, send) { Object.assign(this, { state, send, heard: new Map() }); }
  get(name) { return this.state[name]; }
  set(name, x) { this.state[name] = x; }
  on(event, act) { this.heard.set(event, [...(this.heard.get(event) || []), act]); }
  off(event, act) { this.heard.set(event, (this.heard.get(event) || []).filter(a => a !== act)); }
  save_changes() { this.send(this.state.edits); }
  take(news) {
    Object.assign(this.state, news);
    for (const name of Object.keys(news)) for (const act of this.heard.get(`change:${name}`) || []) act();
  }
}

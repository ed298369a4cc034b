// The state of a page in its address: JSON, deflated, in the letters that a fragment takes. It never reaches a server.
const LONGEST = 1_000_000; // letters of what is unpacked: a link may come from anybody

export async function packed(state) {
  const stream = new Blob([JSON.stringify(state)]).stream().pipeThrough(new CompressionStream("deflate-raw"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  return btoa(Array.from(bytes, b => String.fromCharCode(b)).join("")).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

// What a fragment holds, or null where it is empty. Throws where it is no such thing.
export async function unpacked(fragment) {
  const text = fragment.replace(/^#/, "");
  if (text === "") return null;
  const bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), c => c.charCodeAt(0));
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw")).pipeThrough(new TextDecoderStream()).getReader();
  let whole = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    whole += value;
    if (whole.length > LONGEST) throw new Error("too long");
  }
  const state = JSON.parse(whole);
  if (state === null || typeof state !== "object" || Array.isArray(state)) throw new Error("no state");
  return state;
}

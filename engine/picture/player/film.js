const frames = data.frames;
for (const n of page.querySelectorAll(".node, .edge")) n.classList.add("got");
bar(frames.length - 1, 400, i => `step ${i + 1}/${frames.length} · ${data.root} = ${frames[i].loss}`, i => redraw(frames[i])).open(0);

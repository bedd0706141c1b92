// Adds to a page that works without it: dragging and zooming of drawings, copying of commands.
"use strict";

for (const frame of document.querySelectorAll(".frame")) {
  const drawing = frame.querySelector("svg");
  const natural = parseFloat(getComputedStyle(frame.querySelector(".drawing")).getPropertyValue("--width"));
  frame.title = "Drag to move; Ctrl and the wheel, or + and −, to zoom";

  function zoom(factor, x, y) {
    const before = drawing.getBoundingClientRect();
    const width = Math.min(Math.max(before.width * factor, 100), 8 * natural);
    const scale = width / before.width;
    drawing.style.width = `${width}px`;
    frame.scrollLeft += (x - before.left) * (scale - 1);
    frame.scrollTop += (y - before.top) * (scale - 1);
    for (const size of frame.parentElement.querySelectorAll("input")) size.checked = false;
  }

  frame.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    zoom(Math.exp(-event.deltaY / 300), event.clientX, event.clientY);
  }, { passive: false });

  frame.addEventListener("keydown", (event) => {
    const factor = { "+": 1.25, "=": 1.25, "-": 0.8 }[event.key];
    if (!factor || event.ctrlKey || event.metaKey) return;
    const place = frame.getBoundingClientRect();
    zoom(factor, place.left + place.width / 2, place.top + place.height / 2);
  });

  frame.parentElement.addEventListener("change", () => drawing.style.removeProperty("width"));

  let held = null;
  frame.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "mouse" || event.button !== 0 || event.offsetY > frame.clientHeight) return;
    held = { x: event.clientX + frame.scrollLeft, y: event.clientY + frame.scrollTop };
    frame.setPointerCapture(event.pointerId);
    frame.classList.add("held");
  });
  frame.addEventListener("pointermove", (event) => {
    if (held) frame.scrollTo(held.x - event.clientX, held.y - event.clientY);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    frame.addEventListener(end, () => { held = null; frame.classList.remove("held"); });
  }
}

for (const command of document.querySelectorAll(".command")) {
  const button = Object.assign(document.createElement("button"), { type: "button", textContent: "Copy" });
  const text = command.querySelector("code").textContent;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  if (navigator.clipboard) command.append(button);
}

// Points and a boundary on a line, moved by pointer or arrow keys. It draws what the model holds and
// sends back where things were put; nothing is computed here.
const SVG = "http://www.w3.org/2000/svg", WIDTH = 640, HEIGHT = 120, EDGE = 24;

function add(parent, tag, attributes, text) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  parent.append(node);
  return node;
}

function render({ model, el }) {
  const svg = add(el, "svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "group",
    "aria-label": model.get("about") });
  svg.style.cssText = "width:100%;max-width:960px;height:auto;touch-action:none;overflow:visible";
  const [low, high] = model.get("range");
  const across = (x) => EDGE + ((x - low) / (high - low)) * (WIDTH - 2 * EDGE);
  const place = (event) => {
    const box = svg.getBoundingClientRect();
    return low + ((((event.clientX - box.left) / box.width) * WIDTH - EDGE) / (WIDTH - 2 * EDGE)) * (high - low);
  };
  const held = (x) => Math.round(Math.min(high, Math.max(low, x)) * 10) / 10;

  add(svg, "line", { x1: EDGE, x2: WIDTH - EDGE, y1: 92, y2: 92, stroke: "currentColor" });
  for (let x = Math.ceil(low); x <= high; x += 2)
    add(svg, "text", { x: across(x), y: 110, "text-anchor": "middle", fill: "currentColor", "font-size": 12 }, x);

  // One thing that can be moved: a slider for the keyboard and for screen readers.
  function movable(node, name, read, write, show) {
    for (const [key, value] of Object.entries({ role: "slider", tabindex: 0, "aria-label": name,
      "aria-valuemin": low, "aria-valuemax": high })) node.setAttribute(key, value);
    node.style.cursor = "ew-resize";
    const put = (x) => {
      if (held(x) !== read()) { write(held(x)); model.save_changes(); }
    };
    node.addEventListener("pointerdown", (event) => { node.setPointerCapture(event.pointerId); node.focus(); });
    node.addEventListener("pointermove", (event) => {
      if (node.hasPointerCapture(event.pointerId)) put(place(event));
    });
    node.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -0.1, ArrowDown: -0.1, ArrowRight: 0.1, ArrowUp: 0.1, PageDown: -1, PageUp: 1 }[event.key];
      if (event.key === "Home") put(low);
      else if (event.key === "End") put(high);
      else if (step) put(read() + step);
      else return;
      event.preventDefault();
    });
    return () => { node.setAttribute("aria-valuenow", read()); show(read()); };
  }

  const line = add(svg, "rect", { y: 8, width: 6, height: 84, fill: model.get("edge") });
  const shows = [movable(line, "boundary", () => model.get("boundary"), (x) => model.set("boundary", x),
    (x) => line.setAttribute("x", across(x) - 3))];
  model.get("points").forEach((_, k) => {
    const label = model.get("labels")[k];
    const dot = add(svg, "circle", { r: 9, cy: label ? 32 : 66, fill: model.get("colours")[label],
      stroke: "currentColor" });
    shows.push(movable(dot, `point ${k}, label ${label}`, () => model.get("points")[k],
      (x) => model.set("points", model.get("points").map((old, j) => (j === k ? x : old))),
      (x) => dot.setAttribute("cx", across(x))));
  });
  const redraw = () => shows.forEach((show) => show());
  model.on("change:points", redraw);
  model.on("change:boundary", redraw);
  redraw();
}

export default { render };

// The map of the groups: a canvas of our own. The list beside it says the same, and both choose in one another.
import { fetchPart, showDialog } from "./parts.js";
import { element } from "./keys.js";
import { say } from "./say.js";

const NEAR_PX = 12, STILL_PX = 4, MARK_PX = 12, MOST_LISTED = 200;
const form = document.getElementById("groups");
const canvas = document.getElementById("map");

if (form) keepChoice();
if (canvas) {
  const answer = await fetch(canvas.dataset.points);
  if (answer.ok) new ClusterMap(await answer.json()).begin();
  else say("The map can't be shown.", { trouble: true });
}
document.addEventListener("job-ended", (event) => {
  const link = event.target.querySelector("[data-job-result]");
  if (link && (link.pathname === "/clusters" || link.pathname === "/clusters/rules")) location.assign(link.href);
});

/** Keeps names and boxes as soon as they change; the preview waits for that. */
function keepChoice() {
  let kept = Promise.resolve();
  form.addEventListener("change", () => {
    kept = kept.then(() => fetchPart("/clusters/choice", { method: "POST", body: new URLSearchParams([...new FormData(form)]) }));
  });
  form.querySelector("[data-preview]").addEventListener("click", async (event) => {
    event.preventDefault();
    document.activeElement?.blur(); // a name that is being typed is changed by that
    if (await kept !== null) location.assign(event.target.href);
  });
}

function ClusterMap({ x, y, group, id, name, end }) {
  const draw = canvas.getContext("2d"), tip = document.getElementById("map-tip"), own = document.getElementById("own");
  const rows = new Map([...document.querySelectorAll("[data-group]")].map((row) => [Number(row.dataset.group), row]));
  const lassoButton = document.querySelector("[data-lasso]");
  const placeOf = new Map(id.map((one, at) => [one, at]));
  const pointers = new Map();
  const bounds = [Math.min(...x), Math.min(...y), Math.max(...x), Math.max(...y)];
  let view = { scale: 1, left: 0, top: 0 }, width = 0, height = 0, marks = new Map(), waiting = 0;
  let chosen = new Set(), lit = -1, lasso = null, shown = null, moved = 0;

  const screenX = (at) => (x[at] - view.left) * view.scale;
  const screenY = (at) => height - (y[at] - view.top) * view.scale;

  this.begin = () => {
    new ResizeObserver(resize).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { marks.clear(); redraw(); });
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      zoom(Math.exp(-event.deltaY * 0.0015), event.offsetX, event.offsetY);
    }, { passive: false });
    canvas.addEventListener("pointerdown", press);
    canvas.addEventListener("pointermove", move);
    for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, release);
    canvas.addEventListener("pointerleave", () => light(-1));
    document.addEventListener("click", click);
    for (const kind of ["focusin", "mouseover"]) form.addEventListener(kind, (event) => light(placeOf.get(event.target.closest("[data-point]")?.dataset.point) ?? -1));
    form.addEventListener("focusout", () => light(-1));
  };

  function resize() {
    const before = width;
    width = canvas.clientWidth;
    height = canvas.clientHeight;
    canvas.width = width * devicePixelRatio;
    canvas.height = height * devicePixelRatio;
    if (!before) fit(bounds);
    redraw();
  }

  function redraw() {
    waiting ||= requestAnimationFrame(() => { waiting = 0; paint(); });
  }

  /** The mark of a group as a picture, in the colour and shape that the list gives it. */
  function markOf(number) {
    if (!marks.has(number)) {
      const svg = (rows.get(number) ?? rows.get(0))?.querySelector(".mark");
      const made = new OffscreenCanvas(MARK_PX * devicePixelRatio + 2, MARK_PX * devicePixelRatio + 2);
      const on = made.getContext("2d");
      on.translate(made.width / 2, made.height / 2);
      on.scale(MARK_PX / 16 * devicePixelRatio, MARK_PX / 16 * devicePixelRatio);
      on.fillStyle = svg ? getComputedStyle(svg).color : "gray";
      on.fill(new Path2D(svg?.querySelector("path").getAttribute("d") ?? "M-4-4H4V4H-4Z"));
      marks.set(number, made);
    }
    return marks.get(number);
  }

  function paint() {
    draw.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    draw.clearRect(0, 0, width, height);
    for (let at = 0; at < x.length; at++) {
      const [left, top] = [screenX(at), screenY(at)];
      if (left < -MARK_PX || top < -MARK_PX || left > width + MARK_PX || top > height + MARK_PX) continue;
      draw.globalAlpha = chosen.size && !chosen.has(at) ? 0.18 : 1;
      draw.drawImage(markOf(group[at]), left - MARK_PX / 2, top - MARK_PX / 2, MARK_PX, MARK_PX);
    }
    draw.globalAlpha = 1;
    const style = getComputedStyle(canvas);
    label(style);
    draw.strokeStyle = style.accentColor === "auto" ? style.color : style.accentColor;
    draw.lineWidth = 2;
    if (lit >= 0) {
      draw.beginPath();
      draw.arc(screenX(lit), screenY(lit), MARK_PX, 0, 7);
      draw.stroke();
    }
    if (lasso) {
      draw.beginPath();
      for (const [left, top] of lasso) draw.lineTo(left, top);
      draw.stroke();
    }
  }

  /** Writes the names of the groups where there is room, the largest first. */
  function label(style) {
    const taken = [];
    draw.font = `600 14px ${style.fontFamily}`;
    draw.textAlign = "center";
    for (const [number, row] of rows) {
      const centre = number && centreOf(number);
      if (!centre) continue;
      const text = row.querySelector("input:not([type=checkbox])").value.slice(0, 24);
      const half = draw.measureText(text).width / 2 + 4, [left, top] = centre;
      if (taken.some((one) => Math.abs(one.left - left) < one.half + half && Math.abs(one.top - top) < 20)) continue;
      taken.push({ left, top, half });
      draw.strokeStyle = style.backgroundColor;
      draw.lineWidth = 4;
      draw.strokeText(text, left, top - MARK_PX);
      draw.fillStyle = style.color;
      draw.fillText(text, left, top - MARK_PX);
    }
  }

  const members = new Map();
  function membersOf(number) {
    if (!members.size) group.forEach((one, at) => members.set(one, [...(members.get(one) ?? []), at]));
    return members.get(number) ?? [];
  }

  /** Where the name of a group stands: at the video that is nearest to its middle. */
  function centreOf(number) {
    const all = membersOf(number), middle = (values) => [...values].sort((one, other) => one - other)[values.length >> 1];
    if (!all.length) return null;
    const places = all.map((at) => [screenX(at), screenY(at)]);
    const [left, top] = [0, 1].map((side) => middle(places.map((place) => place[side])));
    const far = (place) => Math.hypot(place[0] - left, place[1] - top);
    return places.reduce((one, other) => (far(other) < far(one) ? other : one));
  }

  /** Shows a box of the map, with room around it. */
  function fit([left, bottom, right, top]) {
    const wide = Math.max(right - left, 1e-3), high = Math.max(top - bottom, 1e-3);
    const scale = Math.min(width / wide, height / high) * 0.84;
    view = { scale, left: (left + right) / 2 - width / 2 / scale, top: (bottom + top) / 2 - height / 2 / scale };
    redraw();
  }

  function zoom(factor, atX = width / 2, atY = height / 2) {
    const whole = Math.min(width / (bounds[2] - bounds[0] || 1), height / (bounds[3] - bounds[1] || 1));
    const scale = Math.max(whole * 0.4, Math.min(whole * 400, view.scale * factor));
    view.left += atX / view.scale - atX / scale;
    view.top += (height - atY) / view.scale - (height - atY) / scale;
    view.scale = scale;
    redraw();
  }

  function nearest(left, top) {
    let best = -1, least = NEAR_PX ** 2;
    for (let at = 0; at < x.length; at++) {
      const far = (screenX(at) - left) ** 2 + (screenY(at) - top) ** 2;
      if (far < least) [best, least] = [at, far];
    }
    return best;
  }

  /** Shows what a point is, and marks its group in the list. */
  function light(at) {
    if (at === lit) return;
    lit = at;
    shown?.classList.remove("lit");
    tip.hidden = at < 0;
    canvas.classList.toggle("over", at >= 0);
    if (at >= 0) {
      shown = rows.get(group[at]);
      shown?.classList.add("lit");
      tip.replaceChildren(element("img", "", { src: `/thumb/${id[at]}?instead`, width: 160, height: 90, alt: "" }), element("span", name[at]));
      const left = Math.min(Math.max(screenX(at) - 84, 4), width - 176), top = screenY(at);
      tip.style.left = `${left}px`;
      tip.style.top = `${top > 150 ? top - 142 : top + 18}px`;
    }
    redraw();
  }

  function press(event) {
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, [event.offsetX, event.offsetY]);
    moved = pointers.size > 1 ? Infinity : 0;
    lasso = pointers.size === 1 && (drawing() || event.shiftKey) ? [[event.offsetX, event.offsetY]] : null;
  }

  const drawing = () => lassoButton.getAttribute("aria-pressed") === "true";

  function move(event) {
    const before = pointers.get(event.pointerId), now = [event.offsetX, event.offsetY];
    if (!before) return light(nearest(...now));
    pointers.set(event.pointerId, now);
    moved += Math.hypot(now[0] - before[0], now[1] - before[1]);
    if (lasso) lasso.push(now);
    else if (pointers.size === 2) {
      const [other] = [...pointers].filter(([one]) => one !== event.pointerId).map(([, at]) => at);
      const far = ([left, top]) => Math.max(Math.hypot(left - other[0], top - other[1]), 1);
      zoom(far(now) / far(before), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    } else {
      view.left -= (now[0] - before[0]) / view.scale;
      view.top += (now[1] - before[1]) / view.scale;
    }
    redraw();
  }

  function release(event) {
    if (!pointers.delete(event.pointerId)) return;
    const around = lasso;
    lasso = null;
    if (event.type === "pointercancel") return redraw();
    if (moved < STILL_PX) {
      const at = nearest(event.offsetX, event.offsetY);
      if (at >= 0) showDialog(`/search/play?id=${id[at]}&begin=0&end=${end[at]}`);
      else choose([]);
    } else if (around) chooseWithin(around);
    redraw();
  }

  function chooseWithin(around) {
    const found = [];
    for (let at = 0; at < x.length; at++) if (isInside(screenX(at), screenY(at), around)) found.push(at);
    choose(found);
    say(`${found.length} ${found.length === 1 ? "video" : "videos"} chosen.`);
    own.hidden = !found.length;
    document.getElementById("own-rows").replaceChildren(...found.map((at) => element("input", "", { type: "hidden", name: "row", value: at })));
    const counts = new Map();
    for (const at of found) counts.set(group[at], (counts.get(group[at]) ?? 0) + 1);
    const nameOf = (number) => rows.get(number)?.querySelector("input:not([type=checkbox])")?.value ?? "no group";
    document.getElementById("own-said").textContent = `${found.length} chosen: ${[...counts].map(([number, count]) => `${count} of ${nameOf(number)}`).join(", ")}.`;
    document.getElementById("own-list").replaceChildren(...found.slice(0, MOST_LISTED).map((at) => element("li", name[at])));
  }

  /** Chooses points; the groups that they are of are marked in the list. */
  function choose(found, button = null) {
    chosen = new Set(found);
    own.hidden = true;
    const groups = new Set(found.map((at) => group[at]));
    for (const [number, row] of rows) {
      row.classList.toggle("chosen", groups.has(number));
      const toggle = row.querySelector("[data-show-group]");
      toggle.setAttribute("aria-pressed", String(toggle === button));
    }
    redraw();
  }

  function click(event) {
    const button = event.target.closest("[data-zoom], [data-lasso], [data-show-group], [data-drop]");
    if (!button) return;
    if (button.dataset.zoom === "all") fit(bounds);
    else if (button.dataset.zoom) zoom(button.dataset.zoom === "in" ? 1.5 : 1 / 1.5);
    else if ("lasso" in button.dataset) {
      button.setAttribute("aria-pressed", String(!drawing()));
      canvas.classList.toggle("drawing", drawing());
    } else if ("drop" in button.dataset) {
      choose([]);
      lassoButton.focus();
    } else if (button.getAttribute("aria-pressed") === "true") {
      choose([]);
      fit(bounds);
    } else {
      const all = membersOf(Number(button.closest("[data-group]").dataset.group));
      choose(all, button);
      const [xs, ys] = [all.map((at) => x[at]), all.map((at) => y[at])];
      fit([Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)]);
    }
  }
}

/** Tells whether a place lies within a line that is drawn around it (even-odd). */
function isInside(left, top, around) {
  let inside = false;
  for (let at = 0, last = around.length - 1; at < around.length; last = at++) {
    const [x1, y1] = around[at], [x2, y2] = around[last];
    if (y1 > top !== y2 > top && left < ((x2 - x1) * (top - y1)) / (y2 - y1) + x1) inside = !inside;
  }
  return inside;
}

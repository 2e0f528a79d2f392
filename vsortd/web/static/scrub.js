// Looking through a video on its thumbnail: the sheet of small frames, each with the time at which it really appears.
const EACH_MS = 450; // a frame is shown so long where nobody moves a pointer
const still = matchMedia("(prefers-reduced-motion: reduce)");
const known = new Map(); // id: what the sheet shows, a promise
let sheet = null; // the one that is shown: { tile, element, times, timer }

/** Lets the tiles below an element be looked through by pointer, touch and focus. */
export function scrubbing(root) {
  root.addEventListener("pointermove", (event) => over(event.target.closest?.(".tile")?.querySelector("[data-tile]"), event));
  root.addEventListener("pointerleave", end);
  root.addEventListener("pointerover", (event) => { if (sheet && !sheet.tile.parentElement.contains(event.target)) end(); });
  root.addEventListener("focusin", (event) => {
    if (event.target.matches("[data-tile]:focus-visible")) over(event.target, null);
  });
  root.addEventListener("focusout", end);
}

async function over(tile, event) {
  if (!tile || still.matches) return;
  if (sheet?.tile !== tile) {
    end();
    const now = { tile, share: share(tile, event), timer: 0 };
    sheet = now;
    const times = await timesOf(tile.dataset.tile);
    if (sheet !== now || !times) return;
    Object.assign(now, { times, element: drawn(tile, times) });
    if (!event) now.timer = setInterval(() => { now.share = (now.share + 1 / times.times_s.length) % 1; show(); }, EACH_MS);
  } else if (event) {
    clearInterval(sheet.timer);
    sheet.share = share(tile, event);
  }
  show();
}

function share(tile, event) {
  if (!event) return 0;
  const box = tile.getBoundingClientRect();
  return Math.min(0.9999, Math.max(0, (event.clientX - box.left) / box.width));
}

function timesOf(id) {
  if (!known.has(id)) {
    known.set(id, fetch(`/sprite/${id}/times?instead`).then((answer) => (answer.ok && answer.headers.get("content-type").includes("json") ? answer.json() : null), () => null));
  }
  return known.get(id);
}

/** Returns the element that shows one frame of the sheet at a time. */
export function frameOf(id, times) {
  const element = Object.assign(document.createElement("span"), { className: "sprite" });
  const rows = Math.ceil(times.times_s.length / times.columns);
  element.style.backgroundImage = `url("/sprite/${id}?instead")`;
  element.style.backgroundSize = `${times.columns * 100}% ${rows * 100}%`;
  element.style.aspectRatio = `${times.tile_width_px} / ${times.tile_height_px}`;
  return element;
}

/** Shows the frame of a number. */
export function showFrame(element, times, number) {
  const rows = Math.ceil(times.times_s.length / times.columns);
  const [column, row] = [number % times.columns, Math.floor(number / times.columns)];
  element.style.backgroundPosition = `${times.columns > 1 ? (column / (times.columns - 1)) * 100 : 0}% ${rows > 1 ? (row / (rows - 1)) * 100 : 0}%`;
}

function drawn(tile, times) {
  const element = frameOf(tile.dataset.tile, times);
  const time = Object.assign(document.createElement("span"), { className: "from-to sprite-time" });
  const both = Object.assign(document.createElement("span"), { className: "scrub", ariaHidden: "true" });
  both.append(element, time);
  tile.append(both);
  return element;
}

function show() {
  if (!sheet?.element) return;
  const { times, element } = sheet;
  const number = Math.floor(sheet.share * times.times_s.length);
  showFrame(element, times, number);
  element.nextElementSibling.textContent = clock(times.times_s[number]);
}

function end() {
  if (!sheet) return;
  clearInterval(sheet.timer);
  sheet.element?.parentElement.remove();
  sheet = null;
}

/** Returns a time as people read it, m:ss.t. */
export function clock(seconds) {
  const tenths = Math.max(0, Math.round(seconds * 10));
  const [hours, minutes] = [Math.floor(tenths / 36000), Math.floor(tenths / 600) % 60];
  const rest = ((tenths % 600) / 10).toFixed(1).padStart(4, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

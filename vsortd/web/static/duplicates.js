// Two videos side by side: played together, and shown at the moments that were compared.
const players = () => [0, 1].map((side) => document.querySelector(`#pair [data-side="${side}"]`));

document.addEventListener("click", (event) => {
  const moment = event.target.closest("#pair [data-moment]");
  if (moment) {
    event.preventDefault();
    show(Number(moment.dataset.moment), Number(moment.dataset.other));
  }
  if (event.target.closest("[data-play-both]")) playBoth();
});

/** Shows a moment of each. */
function show(left, right) {
  const [one, other] = players();
  for (const [video, at] of [[one, left], [other, right]]) {
    if (!video) continue;
    video.preload = "auto";
    video.pause();
    video.currentTime = at;
  }
  one?.scrollIntoView({ block: "nearest" });
}

/** Plays both from the same moment, or stops them; the right one follows the left one. */
function playBoth() {
  const [left, right] = players();
  if (!left || !right) return;
  if (!left.paused || !right.paused) {
    left.pause();
    right.pause();
    return;
  }
  const shift = Number(document.getElementById("pair").dataset.shift);
  if (left.ended || right.ended) left.currentTime = 0;
  left.currentTime = Math.max(left.currentTime, shift, 0);
  right.currentTime = Math.max(0, left.currentTime - shift);
  for (const video of [left, right]) video.play().catch(() => {}); // what can't be played says so itself
}

document.addEventListener("job-ended", (event) => {
  const link = event.target.querySelector("[data-job-result]");
  const player = link?.pathname.startsWith("/copy/") && event.target.closest(".side")?.querySelector("video");
  if (player) player.src = link.getAttribute("href");
  if (link?.pathname === location.pathname && !document.querySelector("#pair [data-side]")) location.assign(link.href);
});

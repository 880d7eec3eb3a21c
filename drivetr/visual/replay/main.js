// Keys, playing, drawing, and the small window that tests look through.

const LINK_REST_MS = 200;
const pictures = new PictureStore();
let scheduled = false;
let timer = null;
let timed = null; // the frame that the timer runs for
let linkTimer = null;
let waiting = []; // to be told when the page shows its state

const KEYS = {
  " ": togglePlay,
  ArrowLeft: () => update({ frame: state.frame - 1 }),
  ArrowRight: () => update({ frame: state.frame + 1 }),
  PageUp: () => update({ frame: state.frame - 10 }),
  PageDown: () => update({ frame: state.frame + 10 }),
  Home: () => update({ frame: 0 }),
  End: () => update({ frame: recording.frames.length - 1 }),
  "+": () => update({ threshold: state.threshold + 0.05 }),
  "=": () => update({ threshold: state.threshold + 0.05 }),
  "-": () => update({ threshold: state.threshold - 0.05 }),
  t: () => update({ truth: !state.truth }),
  p: () => update({ predictions: !state.predictions }),
  l: () => update({ labels: !state.labels }),
  v: () => update({ arrows: !state.arrows }),
  r: () => update({ trails: !state.trails }),
  o: () => update({ by: state.by === "outcome" ? "class" : "outcome" }),
  d: toggleTheme,
  Escape: () => update({ large: null, selected: null }),
  "?": toggleHelp,
};

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const { target, key } = event;
  // A control that the keyboard chose keeps the keys that it has a use for.
  const slider = target.matches("input[type=range]") && /^(Arrow|Page|Home|End)/.test(key);
  const pressed = key === " " && target.matches("button:focus-visible, input:focus-visible, select");
  if (slider || pressed || (target.matches("select") && key !== "?") || $("keys").open) return;
  const camera = /^[1-9]$/.test(key) ? recording.rows.flat()[Number(key) - 1] : undefined;
  const action = camera === undefined ? KEYS[key] : () => toggleLarge(camera);
  if (action === undefined) return;
  event.preventDefault();
  action();
}

function togglePlay() {
  const atEnd = state.frame === recording.frames.length - 1;
  update({ playing: !state.playing, ...(!state.playing && atEnd ? { frame: 0 } : {}) });
}

/** Waits as long as the frame lasts, then goes on; playing ends at the last frame. */
function scheduleNext() {
  if (state.playing && timed === state.frame) return; // drawn again for another reason
  clearTimeout(timer);
  timed = null;
  if (!state.playing) return;
  if (state.frame === recording.frames.length - 1) {
    update({ playing: false });
    return;
  }
  const [now, next] = [0, 1].map((step) => recording.frames[state.frame + step]);
  timed = state.frame;
  const seconds = now.scene === next.scene ? clamp(next.time_s - now.time_s, 0.2, 2) : 1;
  timer = setTimeout(() => update({ frame: state.frame + 1 }), (1000 * seconds) / state.speed);
}

/** Draws once before the browser shows its next picture, however often it is asked. */
function requestDrawing() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(draw);
}

async function draw() {
  scheduled = false;
  const wanted = state.frame;
  const [ready, map] = await Promise.all(
    [pictures.load(wanted), loadMap(recording.frames[wanted].scene)],
  );
  if (wanted !== state.frame || scheduled) return; // a newer drawing is on its way
  drawPanels();
  drawCameras(ready);
  drawBevs(map);
  drawTimeline();
  drawWhy();
  keepLink();
  pictures.prepare(wanted);
  scheduleNext();
  const told = waiting;
  waiting = [];
  for (const tell of told) tell();
}

/** Puts the view into the address once it rests; browsers refuse hundreds of changes in a minute. */
function keepLink() {
  clearTimeout(linkTimer);
  linkTimer = setTimeout(() => {
    if (location.hash !== linkOf()) history.replaceState(null, "", linkOf());
  }, LINK_REST_MS);
}

/** The boxes of a frame in a camera, in pixels of the recorded picture, whatever is filtered. */
function projected(frame, camera) {
  const { projection } = recording.frames[frame].images[camera];
  return [null, ...recording.sources].flatMap((source) => {
    const boxes = boxesOf(recording.frames[frame], source);
    return (boxes?.boxes ?? []).map((box, row) => ({
      source,
      row,
      corners: boxCorners(box, recording.frames[frame].up).map((corner) => {
        const seen = transform(projection, corner);
        return [...pixel(seen), seen[2]];
      }),
    }));
  });
}

// Read-only, for tests and benchmarks.
window.drivetr = Object.freeze({
  projected,
  state: () => ({ ...state, hidden: [...state.hidden] }),
  errors: (frame, source) => frameErrors(recording.frames[frame], source),
  drawnAbove: (panel) => bevPanels[panel].drawn.map(({ source, row }) => ({ source, row })),
  drawnIn: (camera) => cameraCells[camera].drawn.map(({ source, row, segments }) =>
    ({ source, row, segments })),
  looks: () => [null, ...state.sources].flatMap((source) =>
    shownRows(recording.frames[state.frame], source).map((row) =>
      ({ source, row, ...lookOf(recording.frames[state.frame], source, row) }))),
  settled: () => new Promise((tell) => {
    waiting.push(tell);
    requestDrawing();
  }),
});

buildCameras($("cameras"));
buildBevs($("bevs"));
buildTimeline();
buildPanels();
buildWhy();
const systemLight = matchMedia("(prefers-color-scheme: light)");
setTheme(systemLight.matches ? "light" : "dark");
window.addEventListener("keydown", onKey);
window.addEventListener("hashchange", () => update(stateFromLink(location.hash)));
window.addEventListener("resize", requestDrawing);
new ResizeObserver(requestDrawing).observe($("bevs"));
systemLight.addEventListener("change", () => {
  setTheme(systemLight.matches ? "light" : "dark");
  requestDrawing();
});
$("cameras").scrollLeft = ($("cameras").scrollWidth - $("cameras").clientWidth) / 2; // on a phone
update({ range: usualRange(), ...stateFromLink(location.hash) });

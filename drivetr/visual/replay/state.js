// What is shown of the recording, and the link that brings somebody to the same view.

const state = {
  frame: 0,
  threshold: recording.threshold,
  sources: recording.sources.slice(0, 1), // one, or two side by side
  by: "class", // colours: class, outcome or source
  truth: true,
  predictions: true,
  labels: true,
  arrows: true,
  trails: true,
  points: true,
  map: true,
  path: true,
  hidden: new Set(), // classes that are not shown
  selected: null, // { source, row }; the source of truth is null
  layer: -1, // of the attention; -1 is the mean
  head: -1,
  past: false, // attention to the earlier pictures, of detectors that look at these
  large: null, // a camera that fills the cameras' place
  range: 50, // metres from the car to the nearer border of the view from above
  centre: [0, 0], // metres in ego that are in its middle
  playing: false,
  speed: 1,
  sort: "errors",
  strayed: false, // the link named a frame that is not in this recording
};

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** Takes part of a state, keeps it within bounds and asks for a new drawing. */
function update(changes) {
  const before = state.frame;
  Object.assign(state, changes);
  state.frame = clamp(Math.round(state.frame), 0, recording.frames.length - 1);
  state.threshold = clamp(Math.round(state.threshold * 100) / 100, 0, 1);
  if (state.frame !== before && !("selected" in changes)) state.selected = follow(before);
  if (state.frame !== before) state.strayed = false;
  requestDrawing();
}

/** The selected object in the new frame, where it has a track; otherwise nothing is selected. */
function follow(before) {
  if (state.selected === null) return null;
  const { source, row } = state.selected;
  const track = boxesOf(recording.frames[before], source)?.tracks?.[row];
  const boxes = boxesOf(recording.frames[state.frame], source);
  const now = track && boxes ? rowOfTrack(boxes, track) : -1;
  return now >= 0 ? { source, row: now } : null;
}

/** The part of the address that restores frame, threshold, sources and colours. */
function linkOf() {
  const parts = new URLSearchParams({
    frame: recording.frames[state.frame].token,
    thr: state.threshold.toFixed(2),
  });
  if (state.sources.length > 0) parts.set("src", state.sources[0]);
  if (state.sources.length > 1) parts.set("vs", state.sources[1]);
  if (state.by !== "class") parts.set("by", state.by);
  return `#${parts}`;
}

/** The state that a link asks for; what it names wrongly or not at all is left as it is. */
function stateFromLink(link) {
  const parts = new URLSearchParams(link.replace(/^#/, ""));
  const changes = {};
  const frame = frameNamed(parts.get("frame"));
  if (frame !== null) changes.frame = frame;
  changes.strayed = parts.has("frame") && frame === null;
  const threshold = Number.parseFloat(parts.get("thr"));
  if (Number.isFinite(threshold)) changes.threshold = threshold;
  const named = [parts.get("src"), parts.get("vs")].filter((s) => recording.sources.includes(s));
  if (named.length > 0) changes.sources = [...new Set(named)];
  if (["class", "outcome", "source"].includes(parts.get("by"))) changes.by = parts.get("by");
  return changes;
}

/** A frame by its token, or by its number from 1. */
function frameNamed(name) {
  if (name === null) return null;
  const row = recording.frames.findIndex((frame) => frame.token === name);
  if (row >= 0) return row;
  const number = /^\d+$/.test(name) ? Number(name) : 0;
  return number >= 1 && number <= recording.frames.length ? number - 1 : null;
}

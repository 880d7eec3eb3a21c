// What the file holds: the boxes as one block of JSON, each picture as a block of its own that is
// decoded when its frame is near.

const KEPT_FRAMES = 16; // decoded pictures stay for this many frames

function blockText(id) {
  const block = document.getElementById(id);
  return block === null ? null : block.textContent;
}

const recording = JSON.parse(blockText("recording"));

/** The named source's boxes in a frame; a frame may lack a source. */
function boxesOf(frame, source) {
  return source === null ? frame.truth : frame.predictions[source];
}

/** Where the middle of a box is in ego, in metres: ahead, left, up. */
function placeOf(frame, box) {
  return transform(frame.ego_from_lidar, box.slice(0, 3));
}

/** Metres from the car to the middle of a box, over the ground. */
function distanceOf(frame, box) {
  return Math.hypot(...placeOf(frame, box).slice(0, 2));
}

/** Decoded picture from base64 text, or null if there is none or it is broken. */
async function decodePicture(text, type) {
  if (text === null) return null;
  const picture = new Image();
  picture.src = `data:image/${type};base64,${text}`;
  try {
    await picture.decode();
    return picture;
  } catch {
    return null; // the placeholder says that there is no picture
  }
}

/** Pictures of frames, decoded once and dropped when many others came after them. */
class PictureStore {
  constructor() {
    this.frames = new Map(); // in the order of their last use
  }

  /** A promise of one picture or null for each camera of a frame. */
  load(frame) {
    const loading = this.frames.get(frame) ?? Promise.all(
      recording.channels.map((_, c) => decodePicture(blockText(`picture-${frame}-${c}`), "jpeg")),
    );
    this.frames.delete(frame);
    this.frames.set(frame, loading);
    if (this.frames.size > KEPT_FRAMES) this.frames.delete(this.frames.keys().next().value);
    return loading;
  }

  /** Starts on the neighbours, so that a step finds them decoded. */
  prepare(frame) {
    for (const near of [frame + 1, frame - 1, frame + 2]) {
      if (near >= 0 && near < recording.frames.length) this.load(near);
    }
    this.load(frame); // it was used last
  }
}

const pointsCache = new Map();

/** Lidar points of a frame in ego as centimetres x, y, z one after the other, low ones first. */
function pointsOf(frame) {
  if (!pointsCache.has(frame)) {
    const text = blockText(`points-${frame}`);
    pointsCache.clear(); // one frame is shown at a time
    pointsCache.set(frame, text === null ? null : shortsFrom(text));
  }
  return pointsCache.get(frame);
}

/** 16-bit numbers from base64: little-endian, as every machine with a browser is. */
function shortsFrom(text) {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i += 1) bytes[i] = letters.charCodeAt(i);
  return new Int16Array(bytes.buffer);
}

/**
 * The frames of the scene around a frame, in the order of time.
 *
 * A recording of the worst frames has them in another order, and others of the scene elsewhere.
 */
function sceneFrames(frame) {
  const { scene } = recording.frames[frame];
  const rows = [frame];
  for (let row = frame - 1; recording.frames[row]?.scene === scene; row -= 1) rows.push(row);
  for (let row = frame + 1; recording.frames[row]?.scene === scene; row += 1) rows.push(row);
  return rows.sort((a, b) => recording.frames[a].time_s - recording.frames[b].time_s);
}

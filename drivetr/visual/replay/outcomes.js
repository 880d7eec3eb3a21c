// Which boxes are shown, what became of them, and how wrong a frame is. The evaluator's matching was
// done when the file was written: a box that takes an object depends on surer boxes only, so that
// the outcome at any threshold follows (drivetr/visual/recording.py, frame_errors).

/** Whether a row of a set of predictions (source) or of truth (null) is shown. */
function isShown(boxes, source, row) {
  if (state.hidden.has(boxes.labels[row])) return false;
  return source === null || boxes.scores[row] >= state.threshold;
}

/** Rows of a source, or of truth (null), that are drawn in a frame; the surest come last. */
function shownRows(frame, source) {
  const wanted = source === null ? state.truth : state.predictions;
  const boxes = wanted ? boxesOf(frame, source) : null;
  if (!boxes) return [];
  const rows = boxes.labels.map((_, row) => row)
    .filter((row) => isShown(boxes, source, row) && isDrawable(boxes.boxes[row]));
  return source === null ? rows : rows.sort((a, b) => boxes.scores[a] - boxes.scores[b]);
}

/** "hit", "false" or "ignored" for a prediction; null where the split has no truth. */
function predictionOutcome(frame, source, row) {
  if (!frame.truth) return null;
  const found = frame.predictions[source];
  if (!found.judged[row]) return "ignored";
  return found.partner[row] >= 0 ? "hit" : "false";
}

/** "hit", "missed" or "ignored" for an object and one source of predictions. */
function truthOutcome(frame, source, row) {
  if (!frame.truth.judged[row]) return "ignored";
  const partner = frame.partners[source]?.[row] ?? -1;
  const sure = partner >= 0 && frame.predictions[source].scores[partner] >= state.threshold;
  return sure ? "hit" : "missed";
}

/** Hits, misses, false predictions and mean distance of the hits; null where truth is unknown. */
function frameErrors(frame, source) {
  const { truth } = frame;
  const found = frame.predictions[source];
  if (!truth || !found) return null;
  let hits = 0, wrong = 0, objects = 0, away = 0;
  found.labels.forEach((_, row) => {
    if (!found.judged[row] || !isShown(found, source, row)) return;
    const partner = found.partner[row];
    if (partner < 0) {
      wrong += 1;
      return;
    }
    hits += 1;
    const a = found.boxes[row], b = truth.boxes[partner];
    away += Math.hypot(a[0] - b[0], a[1] - b[1]);
  });
  truth.labels.forEach((label, row) => {
    if (truth.judged[row] && !state.hidden.has(label)) objects += 1;
  });
  return { hits, misses: objects - hits, false: wrong, centre: hits ? away / hits : null };
}

const errorsCache = { key: "", bySource: {} };

/** The errors of every frame for a source, kept until threshold or classes change. */
function allErrors(source) {
  const key = `${state.threshold} ${[...state.hidden].sort().join()}`;
  if (errorsCache.key !== key) Object.assign(errorsCache, { key, bySource: {} });
  errorsCache.bySource[source] ??= recording.frames.map((frame) => frameErrors(frame, source));
  return errorsCache.bySource[source];
}

/** What frames are sorted by: the misses and false predictions of the shown sources. */
function totalErrors(row) {
  return state.sources.reduce((sum, source) => {
    const errors = allErrors(source)[row];
    return sum + (errors ? errors.misses + errors.false : 0);
  }, 0);
}

/** How many errors the second source has more than the first. */
function errorDifference(row) {
  const [a, b] = state.sources.map((source) => allErrors(source)[row]);
  return a && b ? b.misses + b.false - a.misses - a.false : 0;
}

const TRAIL_SECONDS = 4;
const trackRows = new WeakMap(); // of sets of boxes that a trail went through

/** The row of a tracked object in a set of boxes, -1 where it is not. */
function rowOfTrack(boxes, track) {
  if (!trackRows.has(boxes)) {
    trackRows.set(boxes, new Map((boxes.tracks ?? []).map((name, row) => [name, row])));
  }
  return trackRows.get(boxes).get(track) ?? -1;
}

/** A frame and those shortly before it, in the order of time. */
function recentFrames(number) {
  const now = recording.frames[number].time_s;
  return sceneFrames(number).filter((row) => {
    const ago = now - recording.frames[row].time_s;
    return ago >= 0 && ago <= TRAIL_SECONDS;
  });
}

/** Earlier places of a tracked box in the present frame's ego coordinates, the newest last. */
function trailOf(number, source, row) {
  const track = boxesOf(recording.frames[number], source).tracks?.[row];
  if (!track) return [];
  const egoFromStart = invertRigid(recording.frames[number].start_from_ego);
  const places = [];
  for (const past of recentFrames(number)) {
    const frame = recording.frames[past];
    const boxes = boxesOf(frame, source);
    const then = boxes ? rowOfTrack(boxes, track) : -1;
    if (then < 0 || !isDrawable(boxes.boxes[then])) continue;
    const start = transform(frame.start_from_ego, placeOf(frame, boxes.boxes[then]));
    places.push(transform(egoFromStart, start));
  }
  return places;
}

// Colours and lines: how truth, predictions and their outcomes look, on pictures and from above.

const OUTCOME_COLOURS = recording.outcome_colours; // hit, false, missed, ignored
const SOURCE_COLOURS = recording.source_colours;
const TRUTH_COLOUR = [244, 246, 250];

let theme = {}; // colours of the page, read from the style sheet

/** Makes the page "light" or "dark" and reads the colours that the style sheet has for it. */
function setTheme(name) {
  document.documentElement.dataset.theme = name;
  const style = getComputedStyle(document.documentElement);
  theme = {};
  for (const name of ["panel", "hairline", "guide", "muted", "text", "accent", "ego", "truth",
    "road"]) {
    theme[name] = style.getPropertyValue(`--${name}`).trim();
  }
  theme.light = name === "light";
}

function css([r, g, b], alpha = 1) {
  return alpha === 1 ? `rgb(${r}, ${g}, ${b})` : `rgba(${r}, ${g}, ${b}, ${alpha})`;
}

/** A colour that stands out from the page: the bright ones are for pictures and a dark page. */
function onPage(colour) {
  return theme.light ? colour.map((part) => Math.round(part * 0.62)) : colour;
}

/**
 * Colour, width relative to a hairline, dashes, and opacity of what is filled, of one box.
 *
 * A picture shows both of two sources, the second one dashed; a view from above shows one (`sources`),
 * and an object is missed there if that one misses it.
 */
function lookOf(frame, source, row, sources = state.sources) {
  const look = source === null
    ? truthLook(frame, row, sources) : predictionLook(frame, source, row, sources);
  const chosen = state.selected;
  if (chosen && chosen.source === source && chosen.row === row) {
    return { ...look, width: look.width * 1.9, fill: Math.max(look.fill, 0.35), chosen: true };
  }
  return look;
}

function predictionLook(frame, source, row, sources) {
  const { labels } = frame.predictions[source];
  const second = sources.indexOf(source) === 1;
  let colour = recording.class_colours[labels[row]];
  if (state.by === "source") colour = sourceColour(source);
  const outcome = predictionOutcome(frame, source, row);
  if (state.by === "outcome" && outcome !== null) colour = OUTCOME_COLOURS[outcome];
  return { colour, width: 1.6, fill: 0.24, dashed: second && state.by !== "source" };
}

/** Truth is an outline: neutral beside predictions, in its class colour where it is alone. */
function truthLook(frame, row, sources) {
  const { labels, judged } = frame.truth;
  const alone = !state.predictions || sources.length === 0;
  if (alone) {
    const faint = judged[row] ? 1 : 0.5;
    return { colour: recording.class_colours[labels[row]], width: 1.5 * faint, fill: 0.18 * faint };
  }
  const outcomes = sources.map((source) => truthOutcome(frame, source, row));
  if (outcomes[0] === "ignored") return { colour: OUTCOME_COLOURS.ignored, width: 0.7, fill: 0 };
  const missed = outcomes.filter((outcome) => outcome === "missed").length;
  if (state.by === "outcome" && missed > 0) {
    // Missed by one of two sources only: dashed.
    return { colour: OUTCOME_COLOURS.missed, width: 1.8, fill: 0.1, dashed: missed < outcomes.length };
  }
  return { colour: TRUTH_COLOUR, neutral: true, width: 1, fill: 0 };
}

function sourceColour(source) {
  return SOURCE_COLOURS[Math.max(0, state.sources.indexOf(source)) % SOURCE_COLOURS.length];
}

/** `CAM_FRONT_LEFT` and `traffic_cone` as words. */
const words = (name) => name.replace(/^CAM_/, "").replaceAll("_", " ");

/** A canvas as large as its place on the page, in pixels of the page. */
function openCanvas(canvas) {
  const width = canvas.clientWidth, height = canvas.clientHeight;
  const ratio = Math.min(window.devicePixelRatio || 1, 2);
  const wide = Math.round(width * ratio), high = Math.round(height * ratio);
  if (canvas.width !== wide || canvas.height !== high) {
    canvas.width = wide;
    canvas.height = high;
  }
  const ctx = canvas.getContext("2d");
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.clearRect(0, 0, width, height);
  ctx.lineJoin = "round";
  return { ctx, width, height };
}

/** Adds points to the present path. */
function trace(ctx, points, closed) {
  points.forEach(([x, y], i) => (i === 0 ? ctx.moveTo(x, y) : ctx.lineTo(x, y)));
  if (closed) ctx.closePath();
}

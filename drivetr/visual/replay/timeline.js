// The timeline: errors of every frame as bars, scenes apart, and the present frame. It is the
// scrubber too.

function buildTimeline() {
  const canvas = $("timeline");
  const seek = (event) => {
    const share = event.offsetX / canvas.clientWidth;
    update({ frame: Math.floor(share * recording.frames.length) });
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    seek(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.buttons > 0) seek(event);
  });
}

function drawTimeline() {
  const canvas = $("timeline");
  const { ctx, width, height } = openCanvas(canvas);
  const cell = width / recording.frames.length;
  const pair = state.sources.length === 2;
  const ground = pair ? height / 2 : height;
  const most = Math.max(1, ...state.sources.flatMap((source) =>
    allErrors(source).map((errors) => (errors ? errors.misses + errors.false : 0))));
  const unit = (pair ? height / 2 - 2 : height - 4) / most;
  ctx.fillStyle = theme.guide;
  recording.frames.forEach((frame, i) => {
    if (i > 0 && recording.frames[i - 1].scene !== frame.scene) ctx.fillRect(i * cell, 0, 1, height);
  });
  ctx.fillRect(0, pair ? ground : height - 1, width, 1);
  state.sources.forEach((source, side) => drawBars(ctx, allErrors(source), {
    cell, ground, unit: side === 0 ? unit : -unit,
  }));
  drawCursor(ctx, cell, height);
  const frame = recording.frames[state.frame];
  canvas.setAttribute("aria-valuemax", recording.frames.length);
  canvas.setAttribute("aria-valuenow", state.frame + 1);
  canvas.setAttribute("aria-valuetext", `frame ${state.frame + 1}, ${frame.scene}`);
}

/** Misses below false predictions, one bar a frame; a negative unit draws them hanging. */
function drawBars(ctx, errors, { cell, ground, unit }) {
  const wide = Math.max(1, cell - Math.min(2, cell * 0.25));
  errors.forEach((error, i) => {
    if (error === null) return;
    const parts = [[error.misses, OUTCOME_COLOURS.missed], [error.false, OUTCOME_COLOURS.false]];
    let at = ground;
    for (const [count, colour] of parts) {
      ctx.fillStyle = css(onPage(colour), i === state.frame ? 1 : 0.55);
      ctx.fillRect(i * cell, Math.min(at, at - count * unit), wide, Math.abs(count * unit));
      at -= count * unit;
    }
  });
}

function drawCursor(ctx, cell, height) {
  ctx.strokeStyle = theme.text;
  ctx.lineWidth = 1.5;
  const wide = Math.max(cell, 3);
  ctx.strokeRect(state.frame * cell + 0.75, 0.75, wide - 1.5, height - 1.5);
}

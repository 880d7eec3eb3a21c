// Everything around the pictures: header, switches, classes, frames by error, the chosen box.

const SWITCHES = [
  ["truth", "Truth", "t"], ["predictions", "Predictions", "p"], ["labels", "Names", "l"],
  ["arrows", "Velocity", "v"], ["trails", "Trails", "r"], ["points", "Lidar", ""],
  ["map", "Map", ""], ["path", "Path", ""],
];

function buildPanels() {
  document.title = recording.title;
  $("title").textContent = recording.title;
  buildTransport();
  buildSwitches();
  buildSources();
  buildClasses();
  $("threshold").addEventListener("input", () => update({ threshold: Number($("threshold").value) }));
  $("by").addEventListener("change", () => update({ by: $("by").value }));
  $("sort").addEventListener("change", () => update({ sort: $("sort").value }));
  $("theme").addEventListener("click", toggleTheme);
  $("help").addEventListener("click", toggleHelp);
}

function buildTransport() {
  const step = (id, by) => $(id).addEventListener("click", () => update({ frame: state.frame + by }));
  step("first", -Infinity);
  step("back", -1);
  step("next", 1);
  step("last", Infinity);
  $("play").addEventListener("click", togglePlay);
  $("speed").addEventListener("change", () => update({ speed: Number($("speed").value) }));
}

function toggleTheme() {
  setTheme(theme.light ? "dark" : "light");
  requestDrawing();
}

function toggleHelp() {
  if ($("keys").open) $("keys").close();
  else $("keys").showModal();
}

function buildSwitches() {
  const has = {
    truth: recording.frames.some((frame) => frame.truth),
    predictions: recording.sources.length > 0,
    points: recording.frames.some((_, i) => $(`points-${i}`) !== null),
    map: recording.maps.length > 0,
    trails: recording.frames.some((frame) => [frame.truth, ...Object.values(frame.predictions)]
      .some((boxes) => boxes?.tracks)),
  };
  for (const [name, text, key] of SWITCHES) {
    if (has[name] === false) continue;
    const label = add($("switches"), "label");
    const box = add(label, "input");
    box.type = "checkbox";
    box.id = `show-${name}`;
    add(label, "span", "", text);
    if (key !== "") label.title = `Key ${key}`;
    box.addEventListener("change", () => update({ [name]: box.checked }));
  }
  $("score").hidden = recording.sources.length === 0;
  $("colours").hidden = recording.sources.length === 0;
}

function buildSources() {
  $("sources").hidden = recording.sources.length === 0;
  const named = recording.sources.map((source, i) => [String(i), source]);
  fillSelect($("source"), named, "0");
  fillSelect($("versus"), [["", "nothing"], ...named], "");
  $("beside").hidden = recording.sources.length < 2;
  const choose = () => {
    const chosen = [$("source").value, $("versus").value].filter((value) => value !== "");
    const sources = [...new Set(chosen)].map((value) => recording.sources[Number(value)]);
    update({ sources, by: sources.length > 1 && state.by === "class" ? "source" : state.by });
  };
  $("source").addEventListener("change", choose);
  $("versus").addEventListener("change", choose);
}

const classButtons = []; // { button, count } by class, null for classes that never occur

function buildClasses() {
  const occurs = new Set(recording.frames.flatMap((frame) =>
    [frame.truth, ...Object.values(frame.predictions)].flatMap((boxes) => boxes?.labels ?? [])));
  recording.classes.forEach((name, label) => {
    classButtons.push(null);
    if (!occurs.has(label)) return;
    const button = add($("classes"), "button", "chip");
    add(button, "i").style.background = css(recording.class_colours[label]);
    add(button, "span", "", words(name));
    classButtons[label] = { button, count: add(button, "small") };
    button.title = "Show or hide; with Shift show this one alone";
    button.addEventListener("click", (event) => (event.shiftKey ? showAlone(label) : toggleClass(label)));
  });
  const all = add($("classes"), "button", "chip plain", "all");
  add($("classes"), "small", "", "").id = "counted"; // what the numbers on the chips are
  all.addEventListener("click", () => update({ hidden: new Set() }));
}

function toggleClass(label) {
  const hidden = new Set(state.hidden);
  if (!hidden.delete(label)) hidden.add(label);
  update({ hidden });
}

function showAlone(label) {
  const labels = recording.classes.map((_, other) => other);
  update({ hidden: new Set(labels.filter((other) => other !== label)) });
}

/** Everything that tells of the present frame in words and numbers. */
function drawPanels() {
  const frame = recording.frames[state.frame];
  drawHeader(frame);
  for (const [name] of SWITCHES) if ($(`show-${name}`)) $(`show-${name}`).checked = state[name];
  $("threshold").value = state.threshold;
  $("threshold-now").textContent = state.threshold.toFixed(2);
  $("by").value = state.by;
  $("source").value = String(recording.sources.indexOf(state.sources[0]));
  $("versus").value = state.sources.length > 1
    ? String(recording.sources.indexOf(state.sources[1])) : "";
  $("speed").value = String(state.speed);
  $("play").textContent = state.playing ? "❚❚" : "▶";
  $("play").setAttribute("aria-pressed", state.playing);
  drawClasses(frame);
  drawLegend(frame);
  drawErrors(frame);
  drawFrameList();
  drawChosen(frame);
  drawMistakes(frame);
}

function drawHeader(frame) {
  const told = recording.descriptions[frame.scene];
  $("scene").textContent = frame.scene;
  $("description").textContent = told ?? "";
  const notes = [...(state.strayed ? ["the link's frame is not in this recording"] : []), ...frame.notes];
  $("notes").textContent = notes.join("; ");
  $("notes").hidden = notes.length === 0;
  $("clock").textContent = `${frame.time_s.toFixed(1)} s`;
  $("count").textContent = `${state.frame + 1} / ${recording.frames.length}`;
  $("token").textContent = frame.token;
}

/** How many boxes of each class are drawn: predictions, then truth. */
function drawClasses(frame) {
  const rowsOf = (source) => shownRows(frame, source).map((row) => boxesOf(frame, source).labels[row]);
  const found = state.sources.map((source) => rowsOf(source));
  const truth = rowsOf(null);
  const count = (labels, label) => labels.filter((other) => other === label).length;
  classButtons.forEach((entry, label) => {
    if (entry === null) return;
    entry.button.setAttribute("aria-pressed", !state.hidden.has(label));
    const numbers = [...found, ...(frame.truth ? [truth] : [])].map((labels) => count(labels, label));
    entry.count.textContent = numbers.join(" · ");
  });
  $("counted").textContent = [...state.sources, ...(frame.truth ? ["truth"] : [])].join(" · ");
}

function drawLegend(frame) {
  const entries = [];
  if (state.by === "outcome" && frame.truth) {
    entries.push(["hit", "within 2 m of its object"], ["false", "takes no object"],
      ["missed", "not found"], ["ignored", "not judged"]);
  }
  const colours = entries.map(([name, text]) => [OUTCOME_COLOURS[name], `${name}: ${text}`]);
  if (state.by === "source") state.sources.forEach((s) => colours.push([sourceColour(s), s]));
  if (state.sources.length > 1 && state.by !== "source") colours.push([null, `dashed: ${state.sources[1]}`]);
  $("legend").replaceChildren();
  for (const [colour, text] of colours) {
    const line = add($("legend"), "span");
    if (colour !== null) add(line, "i").style.background = css(colour);
    add(line, "span", "", text);
  }
}

/** Counts of the errors, beside the name of each source above its view. */
function drawErrors(frame) {
  bevPanels.forEach(({ name, errors }, i) => {
    const source = state.sources[i];
    name.textContent = source ?? "truth";
    name.style.color = state.sources.length > 1 && source ? css(onPage(sourceColour(source))) : "";
    errors.replaceChildren();
    const counts = source === undefined ? null : allErrors(source)[state.frame];
    if (counts === null) return;
    const shown = shownRows(frame, source).length;
    for (const [kind, text] of [
      ["", plural(shown, "box", "boxes")], ["hit", plural(counts.hits, "hit")],
      ["false", `${counts.false} false`], ["missed", `${counts.misses} missed`],
      ["", counts.centre === null ? "" : `± ${metres(counts.centre)}`],
    ]) {
      const span = add(errors, "span", "", text);
      if (kind !== "") span.style.color = css(onPage(OUTCOME_COLOURS[kind]));
    }
  });
}

// The list of frames, worst first, and what is known of the chosen box.

let listed = ""; // what the list was built for, so that a step does not build it anew

/** Rows of frames in the order of the list. */
function listedFrames() {
  const rows = recording.frames.map((_, row) => row);
  const worth = { errors: totalErrors, worse: errorDifference, better: (r) => -errorDifference(r) };
  const by = worth[state.sort];
  return by === undefined ? rows : rows.sort((a, b) => by(b) - by(a) || a - b);
}

function drawFrameList() {
  const known = state.sources.length > 0 && recording.frames.some((frame) => frame.truth);
  const pair = state.sources.length > 1;
  const sorts = [["time", "in time"]];
  if (known) sorts.unshift(["errors", "worst first"]);
  if (known && pair) sorts.push(["worse", `${state.sources[1]} worse`], ["better", `${state.sources[1]} better`]);
  if (!sorts.some(([value]) => value === state.sort)) state.sort = sorts[0][0];
  const key = JSON.stringify([state.sort, state.sources, state.threshold, [...state.hidden]]);
  if (key !== listed) {
    listed = key;
    fillSelect($("sort"), sorts, state.sort);
    fillFrameList(known);
  }
  for (const item of $("frames").children) {
    const here = item.dataset.frame === String(state.frame);
    if (here && !item.classList.contains("here")) keepInView(item);
    item.classList.toggle("here", here);
  }
}

/** Scrolls the list, and only the list, to an entry. */
function keepInView(item) {
  const list = $("frames");
  const top = item.offsetTop - list.offsetTop;
  if (top < list.scrollTop) list.scrollTop = top;
  const low = top + item.offsetHeight - list.clientHeight;
  if (low > list.scrollTop) list.scrollTop = low;
}

function fillFrameList(known) {
  const most = Math.max(1, ...recording.frames.map((_, row) => totalErrors(row)));
  const scenes = new Set(recording.frames.map((frame) => frame.scene)).size;
  $("frames").replaceChildren();
  for (const row of listedFrames()) {
    const frame = recording.frames[row];
    const item = add($("frames"), "li");
    item.dataset.frame = row;
    const button = add(item, "button");
    button.addEventListener("click", () => update({ frame: row }));
    add(button, "b", "", String(row + 1));
    const when = add(button, "span", "when");
    if (scenes > 1) add(when, "b", "", frame.scene);
    when.append(` ${frame.time_s.toFixed(1)} s`);
    if (!known) continue;
    addErrors(add(button, "span", "wrong"), row);
    add(add(button, "i"), "b").style.width = `${(100 * totalErrors(row)) / most}%`;
  }
}

/** False and missed of each source, in words where there is one, as coloured numbers for two. */
function addErrors(place, row) {
  const alone = state.sources.length === 1;
  state.sources.forEach((source, i) => {
    const errors = allErrors(source)[row];
    if (i > 0) add(place, "span", "", "|");
    if (errors === null) {
      add(place, "span", "", "?");
      return;
    }
    for (const [kind, count, word] of [
      ["false", errors.false, "false"], ["missed", errors.misses, "missed"],
    ]) {
      const span = add(place, "span", `of-${kind}`, alone ? `${count} ${word}` : String(count));
      span.title = `${word} in ${source}`;
    }
  });
}

/** The chosen box in words. */
function drawChosen(frame) {
  const facts = $("facts");
  facts.replaceChildren();
  const { selected } = state;
  const boxes = selected && boxesOf(frame, selected.source);
  $("chosen").hidden = !boxes;
  $("invite").hidden = Boolean(boxes);
  if (!boxes) return;
  for (const [name, value] of factsOf(frame, boxes, selected.source, selected.row)) {
    add(facts, "dt", "", name);
    add(facts, "dd", "", value);
  }
}

function factsOf(frame, boxes, source, row) {
  const box = boxes.boxes[row];
  const place = placeOf(frame, box);
  const facts = [
    ["what", `${words(recording.classes[boxes.labels[row]])}, ${source ?? "truth"}`],
    ["where", `${metres(distanceOf(frame, box))} away: `
      + `${Math.abs(place[0]).toFixed(1)} ${place[0] < 0 ? "behind" : "ahead"}, `
      + `${Math.abs(place[1]).toFixed(1)} ${place[1] < 0 ? "right" : "left"}`],
    ["size", `${box.slice(3, 6).map((side) => side.toFixed(1)).join(" × ")} m`],
  ];
  if (source !== null) facts.splice(1, 0, ["score", boxes.scores[row].toFixed(3)]);
  if (Number.isFinite(box[8])) facts.push(["speed", `${Math.hypot(box[8], box[9]).toFixed(1)} m/s`]);
  if (boxes.tracks?.[row]) facts.push(["track", boxes.tracks[row]]);
  facts.push(...outcomeFacts(frame, boxes, source, row));
  return facts;
}

function outcomeFacts(frame, boxes, source, row) {
  if (source === null) {
    return state.sources.map((from) => [`in ${from}`, truthOutcome(frame, from, row)]);
  }
  const outcome = predictionOutcome(frame, source, row);
  if (outcome !== "hit") return outcome === null ? [] : [["outcome", outcome]];
  const a = boxes.boxes[row], b = frame.truth.boxes[boxes.partner[row]];
  const turn = Math.atan2(a[6], a[7]) - Math.atan2(b[6], b[7]);
  const degrees = Math.abs((Math.atan2(Math.sin(turn), Math.cos(turn)) * 180) / Math.PI);
  return [["outcome", `hit, ${metres(Math.hypot(a[0] - b[0], a[1] - b[1]))} and ${degrees.toFixed(0)}° off`]];
}

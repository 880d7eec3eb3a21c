// What is wrong in the present frame, one entry a box: a click chooses it, as a click on it would.

const MOST_MISTAKES = 40; // of a source; more of them are better read off the pictures

let mistakesOf = ""; // what the list was built for: the keyboard keeps its place in it until then

/** The false predictions of a source that are shown, the surest first. */
function falseRows(frame, source) {
  return shownRows(frame, source).reverse()
    .filter((row) => predictionOutcome(frame, source, row) === "false");
}

/** The objects that are shown and that a source misses, the nearest first. */
function missedRows(frame, source) {
  const away = (row) => distanceOf(frame, frame.truth.boxes[row]);
  return shownRows(frame, null)
    .filter((row) => truthOutcome(frame, source, row) === "missed")
    .sort((a, b) => away(a) - away(b));
}

/** Brings the list to the present frame and marks the chosen box. */
function drawMistakes(frame) {
  $("wrong").hidden = !frame.truth || state.sources.length === 0;
  if ($("wrong").hidden) return;
  const { frame: number, sources, threshold, hidden, truth, predictions, selected } = state;
  const key = JSON.stringify([number, sources, threshold, [...hidden], truth, predictions]);
  if (key !== mistakesOf) {
    mistakesOf = key;
    fillMistakes(frame);
  }
  const chosen = selected && mistakeName(selected);
  for (const button of $("mistakes").querySelectorAll("button")) {
    button.setAttribute("aria-pressed", button.dataset.box === chosen);
  }
}

function fillMistakes(frame) {
  const list = $("mistakes");
  list.replaceChildren();
  for (const source of state.sources.filter((name) => frame.predictions[name])) {
    const mistakes = [
      ...falseRows(frame, source).map((row) => ["false", { source, row }]),
      ...missedRows(frame, source).map((row) => ["missed", { source: null, row }]),
    ];
    if (state.sources.length > 1) add(list, "li", "hint", `${source}: ${mistakes.length}`);
    for (const mistake of mistakes.slice(0, MOST_MISTAKES)) addMistake(list, frame, ...mistake);
    const more = mistakes.length - MOST_MISTAKES;
    if (more > 0) add(list, "li", "hint", `and ${more} more`);
  }
  if (list.children.length === 0) add(list, "li", "hint", "none of what is shown");
}

function addMistake(list, frame, outcome, box) {
  const boxes = boxesOf(frame, box.source);
  const name = words(recording.classes[boxes.labels[box.row]]);
  const score = box.source === null ? "" : ` ${boxes.scores[box.row].toFixed(2)}`;
  const button = add(add(list, "li"), "button");
  button.dataset.box = mistakeName(box);
  button.addEventListener("click", () => choose(box));
  add(button, "span", `of-${outcome}`, outcome);
  add(button, "span", "", name + score);
  add(button, "span", "when", metres(distanceOf(frame, boxes.boxes[box.row])));
}

const mistakeName = ({ source, row }) => JSON.stringify([source, row]);

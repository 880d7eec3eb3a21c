// The page's elements. Names out of the data only ever become text, never markup.

const $ = (id) => document.getElementById(id);

/** A new element at the end of another. */
function add(parent, tag, className = "", text = null) {
  const element = document.createElement(tag);
  if (className !== "") element.className = className;
  if (text !== null) element.textContent = text;
  if (tag === "button") element.type = "button";
  parent.append(element);
  return element;
}

/** Replaces what a list of choices offers. */
function fillSelect(select, choices, chosen) {
  select.replaceChildren();
  for (const [value, text] of choices) {
    const option = add(select, "option", "", text);
    option.value = value;
  }
  select.value = chosen;
}

const plural = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;

/** Seconds or metres for the eye. */
const metres = (value) => `${value.toFixed(value < 10 ? 2 : 1)} m`;

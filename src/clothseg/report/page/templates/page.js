"use strict";

// A cell is a number if it begins with one: "61.2 ± 3.1", "61.2 [58.0, 64.4]", "< 0.001".
const NUMBER = /^(< )?-?\d+(\.\d+)?(e[-+]?\d+)?( [±[].*)?$/i;
const toNumber = (text) => (text.startsWith("< ") ? 0 : parseFloat(text));

function sortRows(table, column, descending) {
  const body = table.tBodies[0];
  const keyed = [...body.rows].map((row) => [row.cells[column].innerText.trim(), row]);
  const filled = keyed.filter(([text]) => text && text !== "-");
  const empty = keyed.filter(([text]) => !text || text === "-");
  const numeric = filled.every(([text]) => NUMBER.test(text));
  const compare = numeric
    ? ([a], [b]) => toNumber(a) - toNumber(b)
    : ([a], [b]) => a.localeCompare(b, "en", { numeric: true });
  filled.sort((a, b) => (descending ? compare(b, a) : compare(a, b)));
  body.append(...[...filled, ...empty].map(([, row]) => row)); // undefined values stay last
}

function isNumeric(table, column) {
  return [...table.tBodies[0].rows].some((row) => NUMBER.test(row.cells[column].innerText.trim()));
}

function onSort(button) {
  const heading = button.closest("th");
  const table = heading.closest("table");
  const before = heading.ariaSort;
  // Of numbers, which are mostly scores, the highest come first.
  const descending = before === "none" ? isNumeric(table, heading.cellIndex) : before === "ascending";
  for (const other of heading.parentElement.cells) if (other.ariaSort) other.ariaSort = "none";
  heading.ariaSort = descending ? "descending" : "ascending";
  sortRows(table, heading.cellIndex, descending);
}

function onFilter(words) {
  const rows = [...document.querySelectorAll("tr[data-text]")];
  const shown = new Set();
  for (const row of rows) {
    const text = row.dataset.text.toLowerCase();
    if (words.every((word) => text.includes(word))) shown.add(row.dataset.c);
  }
  for (const element of document.querySelectorAll("[data-c]")) {
    element.toggleAttribute("hidden", !shown.has(element.dataset.c));
  }
  const count = document.getElementById("count");
  count.value = words.length ? `${shown.size} of ${rows.length} configurations` : "";
}

function markDifferences(radio) {
  const settings = (row) => [...row.querySelectorAll("td.setting")];
  const reference = settings(radio.closest("tr")).map((cell) => cell.textContent);
  for (const row of radio.closest("tbody").rows) {
    settings(row).forEach((cell, k) => cell.classList.toggle("differs", cell.textContent !== reference[k]));
  }
}

// The opacity of a pixel of a matrix is the square root of its fraction.
const fractions = new WeakMap();

async function readMatrix(svg) {
  const picture = new Image();
  picture.src = svg.querySelector("image").getAttribute("href");
  await picture.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [picture.naturalWidth, picture.naturalHeight];
  const context = canvas.getContext("2d");
  context.drawImage(picture, 0, 0);
  const side = canvas.width;
  const pixels = context.getImageData(0, 0, side, side).data;
  return (row, column) => (pixels[4 * (row * side + column) + 3] / 255) ** 2;
}

async function onPoint(svg, event) {
  if (!fractions.has(svg)) fractions.set(svg, readMatrix(svg));
  const fraction = await fractions.get(svg);
  const box = svg.getBoundingClientRect();
  const [left, size] = [Number(svg.dataset.left), Number(svg.dataset.size)];
  const column = Math.floor((event.clientX - box.left - left) / size);
  const row = Math.floor((event.clientY - box.top - left) / size);
  const names = classNames(svg);
  const inside = row >= 0 && column >= 0 && row < names.length && column < names.length;
  const percent = inside ? (100 * fraction(row, column)).toFixed(1) : "";
  svg.parentElement.querySelector(".readout").textContent =
    inside ? `${names[row]} → ${names[column]}: ${percent} %` : "";
}

function classNames(svg) {
  const headings = svg.closest(".chapter").querySelectorAll("table.heat thead button");
  return [...headings].slice(1).map((button) => button.textContent);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("table.sortable thead button");
  if (button) onSort(button);
});
document.addEventListener("change", (event) => {
  if (event.target.type === "radio") markDifferences(event.target);
});
document.addEventListener("input", (event) => {
  const input = event.target;
  if (input.id === "filter") onFilter(input.value.toLowerCase().split(/\s+/).filter(Boolean));
  if ("opacity" in input.dataset) document.body.style.setProperty("--opacity", input.value / 100);
});
document.addEventListener("submit", (event) => event.preventDefault());
document.addEventListener("pointermove", (event) => {
  const svg = event.target.closest("svg.matrix");
  if (svg) onPoint(svg, event);
});

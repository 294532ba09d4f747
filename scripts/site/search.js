// Searches the sections of index.js: all words must occur; headings count more than text.
"use strict";
const box = document.getElementById("search");
const results = document.getElementById("results");
const most = 12;

function score(section, words) {
  const heading = `${section.page} ${section.heading}`.toLowerCase();
  const text = section.text.toLowerCase();
  let sum = 0;
  for (const word of words) {
    if (heading.includes(word)) sum += 10;
    else if (text.includes(word)) sum += 1;
    else return 0;
  }
  return sum;
}

function excerpt(section, word) {
  const at = Math.max(0, section.text.toLowerCase().indexOf(word) - 60);
  return (at > 0 ? "…" : "") + section.text.slice(at, at + 180);
}

function item(section, word) {
  const li = document.createElement("li");
  const a = document.createElement("a");
  const p = document.createElement("p");
  a.href = document.body.dataset.root + section.address;
  a.textContent = section.page === section.heading ? section.page : `${section.page}: ${section.heading}`;
  p.textContent = excerpt(section, word);
  li.append(a, p);
  return li;
}

function show() {
  const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
  results.hidden = words.length === 0;
  const found = words.length === 0 ? [] : sections
    .map((section) => ({ section, points: score(section, words) }))
    .filter((hit) => hit.points > 0)
    .sort((a, b) => b.points - a.points)
    .slice(0, most);
  results.replaceChildren(...found.map((hit) => item(hit.section, words[0])));
  if (words.length > 0 && found.length === 0) results.textContent = "Nothing found.";
}

box.addEventListener("input", show);
const menu = document.querySelector(".menu");
if (window.matchMedia("(max-width: 50rem)").matches) menu.open = false;

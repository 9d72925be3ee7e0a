"use strict";
// Everything that a run brought is shown as text: no HTML is made of it anywhere here.
(() => {
  const PAGE = 200;
  const data = JSON.parse(document.getElementById("data").textContent);
  // A graph that is wider than the window begins in its middle.
  const graph = document.querySelector(".scroll");
  if (graph) graph.scrollLeft = (graph.scrollWidth - graph.clientWidth) / 2;
  const list = document.getElementById("sheet");
  if (!list) return;
  const sources = [...document.querySelectorAll("script.thumbnails")];
  const form = document.querySelector("form.filters");
  const more = document.getElementById("more");
  const images = data.images.map(([key, place, width, height, answers, thumbnail]) => ({
    key, place, width, height, thumbnail, lower: key.toLowerCase(),
    answers: answers.map(([label, score]) => ({ label: data.labels[label], score })),
    label: answers.length ? answers[0][0] : -1,
    score: answers.length ? answers[0][1] : 0,
  }));

  // As pipeline/given.py has it: what does not print (a line break, a mark that turns the writing around) is escaped.
  const printable = (text) => text.replace(/[\p{C}\p{Z}]/gu, (letter) => {
    if (letter === " ") return letter;
    const known = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }[letter];
    const code = letter.codePointAt(0);
    const [mark, digits] = code < 0x100 ? ["x", 2] : code < 0x10000 ? ["u", 4] : ["U", 8];
    return known || `\\${mark}${code.toString(16).padStart(digits, "0")}`;
  });

  const counted = new Map();
  for (const image of images) counted.set(image.label, (counted.get(image.label) || 0) + 1);
  const name = (label) => (label < 0 ? "nothing found" : printable(data.labels[label]));
  for (const [label, count] of [...counted].sort((a, b) => b[1] - a[1] || name(a[0]).localeCompare(name(b[0])))) {
    form.elements.label.append(new Option(`${name(label)} (${count})`, String(label)));
  }

  // A sheet is turned into a picture when the first of its thumbnails is seen.
  const pictures = new Map();
  const picture = (number) => {
    if (!pictures.has(number)) {
      const bytes = Uint8Array.from(atob(sources[number].textContent), (letter) => letter.charCodeAt(0));
      pictures.set(number, URL.createObjectURL(new Blob([bytes], { type: data.sheets[number][4] })));
    }
    return pictures.get(number);
  };
  const sheetOf = (place) => {
    let number = data.sheets.length - 1;
    while (number > 0 && data.sheets[number][0] > place) number -= 1;
    return number;
  };
  const paint = (box, place, zoom) => {
    const number = sheetOf(place);
    const [first, columns, rows, side] = data.sheets[number];
    const at = place - first;
    const pixels = side * zoom;
    box.style.width = box.style.height = `${pixels}px`;
    box.style.backgroundImage = `url(${picture(number)})`;
    box.style.backgroundSize = `${columns * pixels}px ${rows * pixels}px`;
    box.style.backgroundPosition = `-${(at % columns) * pixels}px -${Math.floor(at / columns) * pixels}px`;
  };
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      seen.unobserve(entry.target);
      paint(entry.target, Number(entry.target.dataset.place), 1);
    }
  }, { rootMargin: "400px" });

  const element = (tag, text, className) => {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  };
  const percent = (score) => `${(100 * score).toFixed(1)} %`;
  const short = (key) => printable(key.slice(key.lastIndexOf("/", key.length - 2) + 1));
  const isUncertain = (image) => image.score < data.threshold;

  const card = (image) => {
    const item = element("li");
    const button = element("button");
    button.type = "button";
    const thumbnail = element("span", undefined, "thumbnail");
    if (image.thumbnail !== null) {
      const side = data.sheets[sheetOf(image.thumbnail)][3];
      thumbnail.style.width = thumbnail.style.height = `${side}px`;
      thumbnail.dataset.place = image.thumbnail;
      seen.observe(thumbnail);
    }
    const text = element("span", undefined, "text");
    const best = element("bdi", name(image.label), "label");
    text.append(best);
    if (image.answers.length) text.append(" ", element("span", percent(image.score), isUncertain(image) ? "score uncertain" : "score"));
    text.append(element("bdi", short(image.key), "name"));
    button.append(thumbnail, text);
    button.addEventListener("click", () => show(image));
    item.append(button);
    return item;
  };

  const dialog = document.getElementById("detail");
  const show = (image) => {
    const place = dialog.querySelector(".picture");
    place.replaceChildren();
    if (image.thumbnail !== null) {
      const large = element("div", undefined, "thumbnail");
      large.setAttribute("role", "img");
      large.setAttribute("aria-label", `${short(image.key)}: ${name(image.label)}`);
      paint(large, image.thumbnail, 2);
      place.append(large);
    }
    dialog.querySelector("h3").textContent = short(image.key);
    const facts = dialog.querySelector("dl");
    facts.replaceChildren();
    const fact = (term, value) => {
      const row = element("div");
      row.append(element("dt", term), element("dd", value));
      facts.append(row);
    };
    for (const answer of image.answers) fact(printable(answer.label), percent(answer.score));
    fact("Image", printable(image.place + image.key));
    fact("Size", `${image.width} × ${image.height} pixels`);
    dialog.showModal();
  };

  const orders = {
    least: (a, b) => a.score - b.score,
    most: (a, b) => b.score - a.score,
    label: (a, b) => name(a.label).localeCompare(name(b.label)) || b.score - a.score,
    key: (a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0),
  };
  let chosen = [];
  let shown = 0;
  const next = () => {
    const cards = document.createDocumentFragment();
    for (const image of chosen.slice(shown, shown + PAGE)) cards.append(card(image));
    shown = Math.min(shown + PAGE, chosen.length);
    list.append(cards);
    more.hidden = shown >= chosen.length;
    form.elements.shown.value = `${shown.toLocaleString("en")} of ${chosen.length.toLocaleString("en")} shown`;
  };
  const filter = () => {
    const { label, text, least, most, order } = form.elements;
    const part = text.value.toLowerCase();
    const from = least.value === "" ? 0 : Number(least.value);
    const to = most.value === "" ? 1 : Number(most.value);
    chosen = images.filter((image) =>
      (label.value === "" || image.label === Number(label.value)) &&
      image.score >= from && image.score <= to && image.lower.includes(part));
    chosen.sort(orders[order.value]);
    shown = 0;
    list.replaceChildren();
    next();
  };
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(filter));
  more.addEventListener("click", () => {
    const first = list.children.length;
    next();
    list.children[first]?.querySelector("button").focus();
  });
  filter();
})();

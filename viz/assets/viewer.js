// Adds to a page of captions: search by words, order by score, words in place of photographs that are not loaded.
{
  const list = document.getElementById("captioned");
  const cards = [...list.children];
  const words = new Map(cards.map((card) => {
    const texts = [...card.querySelectorAll(".caption, .group, li")];
    return [card, texts.map((text) => text.textContent).join(" ").toLowerCase()];
  }));
  const search = document.getElementById("search");
  const order = document.getElementById("order");
  const shown = document.getElementById("shown");

  const value = (card, key) => parseFloat(card.dataset[key] ?? "NaN");
  const descending = (key) => (a, b) => {
    const [x, y] = [value(a, key), value(b, key)];
    return Number.isNaN(x) - Number.isNaN(y) || y - x || value(a, "row") - value(b, "row");
  };
  const orders = {
    row: (a, b) => value(a, "row") - value(b, "row"),
    best: descending("score"),
    worst: (a, b) => Number.isNaN(value(a, "score")) - Number.isNaN(value(b, "score")) || -descending("score")(a, b),
    sure: descending("sure"),
  };

  function filter() {
    const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const card of cards) card.hidden = !wanted.every((word) => words.get(card).includes(word));
    shown.textContent = `${cards.filter((card) => !card.hidden).length} of ${cards.length}`;
  }

  search.addEventListener("input", filter);
  order.addEventListener("change", () => list.append(...[...cards].sort(orders[order.value])));
  search.form.addEventListener("submit", (event) => event.preventDefault());
  search.form.hidden = false;
  document.body.classList.add("script");

  for (const image of list.querySelectorAll(".remote img")) {
    const loaded = () => image.parentElement.classList.add("loaded");
    image.addEventListener("load", loaded);
    if (image.complete && image.naturalWidth > 0) loaded();
  }
}

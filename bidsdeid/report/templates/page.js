// Shows one mosaic at a time; by key, the one of the image that is in view.
const FLICKER_MS = 500; // each of the two pictures: slower than three flashes a second (WCAG 2.3.1)
const articles = [...document.querySelectorAll('article')];
const figures = [...document.querySelectorAll('figure.mosaic')];
const flickering = new Map();

function show(figure, layer) {
  for (const picture of figure.querySelectorAll('img')) {
    const on = picture.dataset.layer === layer;
    picture.classList.toggle('on', on);
    if (on) figure.querySelector('.said').textContent = picture.dataset.said;
    picture.setAttribute('aria-hidden', String(!on));
  }
  for (const button of figure.querySelectorAll('[data-show]'))
    button.setAttribute('aria-pressed', String(button.dataset.show === layer));
}

function still(figure) {
  clearInterval(flickering.get(figure));
  flickering.delete(figure);
  figure.querySelector('[data-flicker]')?.setAttribute('aria-pressed', 'false');
}

function flicker(figure) {
  const button = figure.querySelector('[data-flicker]');
  if (!button) return;
  if (flickering.has(figure)) return still(figure);
  let layer = 'b';
  const next = () => show(figure, (layer = layer === 'a' ? 'b' : 'a'));
  next();
  flickering.set(figure, setInterval(next, FLICKER_MS));
  button.setAttribute('aria-pressed', 'true');
}

function choose(figure, layer) {
  if (!figure.querySelector(`[data-layer="${layer}"]`)) return;
  still(figure);
  show(figure, layer);
}

function inView() {
  const middle = innerHeight / 2;
  const far = (element) => {
    const box = element.getBoundingClientRect();
    return Math.max(0, box.top - middle, middle - box.bottom);
  };
  return articles.reduce((best, article) => (far(article) < far(best) ? article : best));
}

for (const figure of figures) {
  show(figure, figure.querySelector('img.on').dataset.layer);
  figure.addEventListener('click', (event) => {
    const button = event.target.closest('button');
    if (button?.dataset.show) choose(figure, button.dataset.show);
    else if (button) flicker(figure);
  });
}

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const key = event.key.toLowerCase();
  const figure = inView().querySelector('figure.mosaic');
  if (key === 'f' && figure) flicker(figure);
  else if (['a', 'b', 'r'].includes(key) && figure) choose(figure, key);
  else if (key === 'j' || key === 'k') {
    const next = articles[articles.indexOf(inView()) + (key === 'j' ? 1 : -1)];
    next?.scrollIntoView();
    next?.focus({ preventScroll: true });
  }
});

// The table, the image at hand, and the keys.
const byId = (id) => document.getElementById(id);
const table = byId('images');
const body = table.tBodies[0];
const lines = [...body.rows]; // line i tells of rows[i]
const buttons = [...document.querySelectorAll('[data-verdict], [data-region]')];
const figures = [...document.querySelectorAll('#numbers .number')];
let order = rows.map((_, at) => at); // as sorted
let visible = order; // as sorted and filtered
let at = -1; // the image at hand
const PAUSE_MS = 120; // on an image before its head is loaded, so that one may leaf through them
let wantsTurning = false;

function mark(place) {
  const row = rows[place], one = ratings.get(row.path), cell = lines[place].cells[3];
  cell.replaceChildren();
  if (!one) return;
  const words = one.rating + (one.regions.length ? `: ${one.regions.join(', ')}` : '');
  const shown = document.createElement('span');
  shown.textContent = isOld(row, one) ? `before it was made anew: ${words}` : words;
  shown.className = isOld(row, one) ? 'old' : `rated ${one.rating}`;
  cell.append(shown);
}

function progress() {
  const done = rows.filter(isReviewed).length;
  const later = rows.filter((row) => ratingOf(row)?.rating === 'later').length;
  byId('progress').max = Math.max(1, rows.length);
  byId('progress').value = done;
  byId('reviewed').textContent =
    `${done} of ${rows.length} reviewed` + (later ? `, ${later} for later` : '') + (unsaved ? ` · ${unsaved} not saved` : '');
}

function list(parent, words) {
  parent.replaceChildren(...words.map((each) => {
    const item = document.createElement('li');
    const [words, label] = [each].flat().reverse();
    if (label) item.append(Object.assign(document.createElement('b'), { textContent: `${label}: ` }));
    item.append(words);
    return item;
  }));
  parent.hidden = !words.length;
}

function select(place, { scroll = true } = {}) {
  if (place === undefined || !rows[place]) return;
  if (at >= 0) lines[at].removeAttribute('aria-current');
  at = place;
  const row = rows[at];
  lines[at].setAttribute('aria-current', 'true');
  if (scroll) lines[at].scrollIntoView({ block: 'nearest' });
  byId('name').textContent = row.name;
  byId('name').href = row.page;
  list(byId('doubts'), row.doubts);
  list(byId('facts'), row.facts);
  figures.forEach((figure, which) => number(figure, row.numbers[which], row.marks[which]));
  byId('together').hidden = !row.together.length;
  byId('together').querySelector('dl').replaceChildren(...row.together.flatMap(([name, value]) => {
    const term = document.createElement('dt'), said = document.createElement('dd');
    term.textContent = name;
    said.textContent = value;
    return [term, said];
  }));
  rated();
  head(row);
}

function number(figure, value, said) {
  const picture = figure.querySelector('svg'), here = picture.querySelector('.here');
  const { low, high } = picture.dataset, width = picture.viewBox.baseVal.width;
  const known = value !== null && value !== undefined;
  const share = (value - low) / (high - low);
  here.setAttribute('visibility', known ? 'visible' : 'hidden');
  if (known) here.setAttribute('d', `M${(1 + share * (width - 2)).toFixed(1)} 0V${picture.viewBox.baseVal.height}`);
  const output = figure.querySelector('output');
  output.textContent = known ? String(Number(value.toPrecision(4))) : 'not measured';
  output.className = said === 'pass' ? '' : `off ${said}`;
}

function head(row) {
  stage.classList.remove('turning');
  stillPicture.hidden = !row.thumbnail;
  if (row.thumbnail) stillPicture.src = row.thumbnail;
  stillPicture.alt = row.thumbnail ? `Surface of the released head in ${row.name}` : '';
  for (const button of document.querySelectorAll('[data-azimuth]')) button.hidden = true;
  turnButton.hidden = !row.volume || !data.viewer;
  stageSays.textContent = !row.volume ? 'There is no head to turn: nothing of it is released.'
    : data.viewer ? '' : `To turn the head install NiiVue (${data.install}) and run the group level again.`;
  const mine = at;
  if (wantsTurning && row.volume && data.viewer)
    setTimeout(() => { if (at === mine) showHead(row, () => at === mine); }, turned === row.volume ? 0 : PAUSE_MS);
}

function rated() {
  const one = ratingOf(rows[at]);
  for (const button of buttons)
    button.setAttribute('aria-pressed', String(Boolean(one) &&
      (button.dataset.verdict === one.rating || one.regions.includes(button.dataset.region))));
}

function changed(words) {
  unsaved += 1;
  keep();
  mark(at);
  rated();
  progress();
  byId('live').textContent = `${rows[at].name}: ${words}. ${byId('reviewed').textContent}`;
  if (handle) write(handle).then(progress, () => { handle = null; say('The file cannot be written any more: save again.'); });
}

function rate(rating, regions = []) {
  if (at < 0) return;
  ratings.set(rows[at].path, {
    rating, regions, reviewer: byId('reviewer').validity.valid ? byId('reviewer').value : '', shown: rows[at].shown,
  });
  changed([rating, ...regions].join(', '));
}

function region(name) {
  if (at < 0) return;
  const one = ratingOf(rows[at]);
  const had = one?.rating === 'under-stripped' ? one.regions : [];
  const now = had.includes(name) ? had.filter((each) => each !== name) : [...had, name];
  rate('under-stripped', data.regions.filter((each) => now.includes(each)));
}

function verdict(name) {
  if (name === 'under-stripped') {
    const one = at >= 0 && ratingOf(rows[at]);
    return rate(name, one && one.rating === name ? one.regions : []);
  }
  const next = step(1); // before a filter takes the image away
  rate(name);
  if (next !== undefined) select(next);
}

function withdraw() {
  if (at >= 0 && ratings.delete(rows[at].path)) changed('not rated');
}

function step(by) {
  const place = visible.indexOf(at);
  return place < 0 ? visible[0] : visible[place + by];
}

const ranks = { name: (p) => rows[p].name, triage: (p) => p, rating: (p) => {
  const one = ratingOf(rows[p]);
  return one ? data.verdicts.indexOf(one.rating) : data.verdicts.length;
} };

function sort(heading) {
  const key = heading.querySelector('button').dataset.sort;
  const up = heading.getAttribute('aria-sort') !== 'ascending';
  for (const each of heading.parentNode.cells) if (each.hasAttribute('aria-sort')) each.setAttribute('aria-sort', 'none');
  heading.setAttribute('aria-sort', up ? 'ascending' : 'descending');
  const rank = ranks[key] ?? ((p) => rows[p].numbers[key]);
  order = rows.map((_, place) => place).sort((a, b) => {
    const one = rank(a), other = rank(b);
    if (one === null || other === null) return (one === null) - (other === null) || a - b; // unknown last
    const less = typeof one === 'string' ? one.localeCompare(other, 'en', { numeric: true }) : one - other;
    return (up ? less : -less) || a - b;
  });
  body.append(...order.map((place) => lines[place]));
  filter();
}

function filter() {
  const triage = new Set([...document.querySelectorAll('[name=triage]:checked')].map((box) => box.value));
  const wanted = byId('rated').value, words = byId('search').value.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (place) => {
    const row = rows[place], one = ratingOf(row);
    const text = [row.path, ...row.doubts, ...row.facts.map(([, said]) => said)].join(' ').toLowerCase();
    return triage.has(row.triage) && words.every((word) => text.includes(word)) &&
      (!wanted || (wanted === 'none' ? !isReviewed(row) : one?.rating === wanted));
  };
  visible = order.filter(fits);
  const shown = new Set(visible);
  lines.forEach((line, place) => { line.hidden = !shown.has(place); });
  byId('matches').textContent = visible.length === rows.length ? '' : `${visible.length} of ${rows.length} shown`;
}

function help() {
  byId('help').hidden = !byId('help').hidden;
  byId('help-button').setAttribute('aria-expanded', String(!byId('help').hidden));
}

function wantTurning() {
  wantsTurning = true;
  if (at >= 0) head(rows[at]);
}

const keys = {
  j: () => select(step(1)), arrowdown: () => select(step(1)),
  k: () => select(step(-1)), arrowup: () => select(step(-1)),
  p: () => verdict('pass'), o: () => verdict('over-stripped'), u: () => verdict('under-stripped'), l: () => verdict('later'),
  e: () => region('eyes'), n: () => region('nose'), m: () => region('mouth'), r: () => region('ears'),
  x: withdraw, t: wantTurning, s: () => save().then(progress), '?': help, '/': () => byId('search').focus(),
  arrowleft: () => turnBy(-15), arrowright: () => turnBy(15), enter: () => byId('name').click(),
};

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target.matches('input:not([type=checkbox]), select');
  if (typing) {
    if (event.key === 'Escape') event.target.blur();
    return;
  }
  const key = event.key.toLowerCase();
  if (key === 'enter' && event.target.matches('a, button')) return;
  if (!Object.hasOwn(keys, key)) return;
  event.preventDefault();
  event.stopPropagation(); // NiiVue has keys of its own
  keys[key]();
}, true);

body.addEventListener('click', (event) => {
  const line = event.target.closest('tr');
  if (line) select(Number(line.dataset.row), { scroll: false });
});
table.tHead.addEventListener('click', (event) => {
  if (event.target.matches('button')) sort(event.target.closest('th'));
});
for (const button of buttons)
  button.addEventListener('click', () => (button.dataset.verdict ? verdict(button.dataset.verdict) : region(button.dataset.region)));
for (const button of document.querySelectorAll('[data-azimuth]'))
  button.addEventListener('click', () => lookFrom(Number(button.dataset.azimuth)));
turnButton.addEventListener('click', wantTurning);
stillPicture.addEventListener('dblclick', wantTurning);
byId('filters').addEventListener('input', filter);
byId('filters').addEventListener('submit', (event) => event.preventDefault());
byId('more').addEventListener('change', (event) => table.classList.toggle('all', event.target.checked));
byId('save').addEventListener('click', () => save().then(progress));
byId('open').addEventListener('click', () => byId('chosen').click());
byId('chosen').addEventListener('change', async (event) => {
  const [file] = event.target.files;
  event.target.value = '';
  if (!file) return;
  await open(file);
  lines.forEach((_, place) => mark(place));
  filter();
  progress();
  if (at >= 0) rated();
});
byId('help-button').addEventListener('click', help);
byId('fold').addEventListener('click', ({ target }) => {
  const unfolded = document.querySelector('aside').classList.toggle('unfolded');
  target.setAttribute('aria-expanded', String(unfolded));
});

restore();
rows.forEach((row, place) => { if (ratings.has(row.path)) mark(place); });
byId('more').checked = false;
byId('rated').value = '';
filter();
progress();
select(rows.findIndex((row) => !isReviewed(row)) >= 0 ? rows.findIndex((row) => !isReviewed(row)) : 0);

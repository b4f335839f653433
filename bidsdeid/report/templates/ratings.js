// Ratings: kept in this browser as they are given, saved to and read from ratings.tsv.
const data = JSON.parse(document.getElementById('data').textContent);
const rows = data.rows;
const NONE = 'n/a'; // BIDS's word for an empty cell
const STORE = `bidsdeid-ratings:${location.pathname}`;
const ratings = new Map(); // path → {rating, regions, reviewer, shown}
let unsaved = 0;
let handle = null; // of the file that is kept up to date, where the browser can

function valid(one) {
  return (
    data.verdicts.includes(one.rating) &&
    Array.isArray(one.regions) &&
    one.regions.every((region, at, all) => data.regions.includes(region) && all.indexOf(region) === at) &&
    (one.rating === 'under-stripped' || !one.regions.length) &&
    /^[A-Za-z0-9_-]{0,16}$/.test(one.reviewer) &&
    /^([0-9a-f]{16})?$/.test(one.shown)
  );
}

// A rating of what was made anew since then tells nothing about what is shown now.
const isOld = (row, one) => Boolean(one.shown) && one.shown !== row.shown;

function ratingOf(row) {
  const one = ratings.get(row.path);
  return one && !isOld(row, one) ? one : null;
}

const isReviewed = (row) => Boolean(ratingOf(row)) && ratingOf(row).rating !== 'later';

function restore() {
  try {
    const kept = JSON.parse(localStorage.getItem(STORE) ?? '{}');
    for (const [path, one] of Object.entries(kept.ratings ?? {})) if (valid(one)) ratings.set(path, one);
    unsaved = kept.unsaved ?? 0;
  } catch (error) {
    say(`This browser keeps no ratings (${error.name}): save them to a file.`);
  }
}

function keep() {
  try {
    localStorage.setItem(STORE, JSON.stringify({ ratings: Object.fromEntries(ratings), unsaved }));
  } catch (error) {
    say(`This browser keeps no ratings (${error.name}): save them to a file.`);
  }
}

function tsv() {
  const lines = [...ratings].sort(([a], [b]) => (a < b ? -1 : 1)).map(([path, one]) =>
    [path, one.rating, one.regions.join(',') || NONE, one.reviewer || NONE, one.shown || NONE].join('\t'));
  return [data.columns.join('\t'), ...lines, ''].join('\n');
}

// As strict as bidsdeid.core.ratings: a table with a mistake is not taken, not even in part.
function parse(text) {
  const [head, ...lines] = text.replace(/^\ufeff/, '').replaceAll('\r\n', '\n').replace(/\n+$/, '').split('\n');
  const names = head.split('\t');
  if (!names.includes('path') || !names.includes('rating') || names.some((name) => !data.columns.includes(name)))
    throw new Error('line 1 does not name the columns of a table of ratings');
  const read = new Map();
  lines.forEach((line, at) => {
    const cells = line.split('\t').map((cell) => (cell === NONE ? '' : cell));
    const { path, rating, regions = '', reviewer = '', shown = '' } =
      Object.fromEntries(names.map((name, place) => [name, cells[place]]));
    const one = { rating, regions: regions ? regions.split(',') : [], reviewer, shown };
    if (cells.length !== names.length || !path || read.has(path) || !valid(one))
      throw new Error(`line ${at + 2} is not a rating`);
    read.set(path, one);
  });
  return read;
}

async function write(file) {
  const stream = await file.createWritable();
  await stream.write(tsv());
  await stream.close();
  unsaved = 0;
  keep();
}

function download() {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([tsv()], { type: 'text/tab-separated-values' }));
  link.download = 'ratings.tsv';
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  unsaved = 0;
  keep();
}

const TYPES = [{ description: 'Ratings', accept: { 'text/tab-separated-values': ['.tsv'] } }];

async function save() {
  if (!window.showSaveFilePicker) {
    download();
    return say('Saved ratings.tsv among your downloads.');
  }
  try {
    handle ??= await window.showSaveFilePicker({ suggestedName: 'ratings.tsv', types: TYPES });
    await write(handle);
    say('Saved; from now on the file is kept up to date.');
  } catch (error) {
    if (error.name === 'AbortError') return;
    handle = null;
    download();
    say('Saved ratings.tsv among your downloads.');
  }
}

async function open(file) {
  try {
    const read = parse(await file.text());
    const known = new Set(rows.map((row) => row.path));
    const strange = [...read.keys()].filter((path) => !known.has(path)).length;
    for (const [path, one] of read) ratings.set(path, one);
    keep();
    say(`Read ${read.size} ratings${strange ? `; ${strange} of images that are not here` : ''}.`);
  } catch (error) {
    say(`Nothing was read: ${error.message}.`);
  }
}

function say(words) {
  document.getElementById('notice').textContent = words;
}

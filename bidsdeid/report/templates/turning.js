// Turns the head of the image at hand, with NiiVue.  Its module, and each volume, come in scripts
// that hand them over: a page that was opened from a disk may load those, and nothing else.
const stage = document.getElementById('stage');
const stillPicture = document.getElementById('still');
const stageSays = document.getElementById('stage-says');
const turnButton = document.getElementById('turn');
const FRONT = 180, LEVEL = 10; // azimuth and elevation in degrees, as NiiVue counts them
const LIGHT = 0.6; // how much of the shading comes from the surface: skin and cuts are told apart by eye
const PATIENCE_MS = 20_000; // NiiVue's start and a first volume of 2 mm took 0.5 s without a graphics card
let turning = null; // the model of the widget, once there is one
let turned = ''; // the volume that is shown
let handed = null;
let loads = 0;
let queue = Promise.resolve();

window.bidsdeidViewer = window.bidsdeidVolume = (value) => { handed = value; };

function script(source) {
  return new Promise((done, failed) => {
    const element = document.createElement('script');
    element.src = source;
    element.onload = () => { element.remove(); done(handed); handed = null; };
    element.onerror = () => { element.remove(); failed(new Error(`${source} is missing`)); };
    document.head.append(element);
  });
}

// What the widget expects of Jupyter: values that tell of their changes (protocol of anywidget).
function modelOf(values) {
  const told = new Map();
  return {
    get: (name) => values[name],
    set(name, value) { values[name] = value; },
    on(event, call) { told.set(event, [...(told.get(event) ?? []), call]); },
    off(event, call) { told.set(event, call ? (told.get(event) ?? []).filter((each) => each !== call) : []); },
    tell: (event, ...rest) => Promise.all((told.get(event) ?? []).map((call) => call(...rest))),
    save_changes() {}, onChange() {},
    send(message) { told.get('sent')?.forEach((call) => call(message)); },
    widget_manager: { get_model: async (name) => volumes.get(name) },
  };
}

const volumes = new Map();

function volumeOf(name, base64) {
  const bytes = Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0));
  return modelOf({
    id: name, name: 'head.nii.gz', data: new DataView(bytes.buffer), path: {}, paired_img_path: {},
    colormap: 'gray', colormap_negative: '', colormap_type: 0, colormap_invert: false, opacity: 1,
    cal_min: null, cal_max: null, cal_min_neg: null, cal_max_neg: null, colorbar_visible: false,
    frame_4d: 0, modulate_alpha: 0, modulation_image: null,
  });
}

async function started() {
  if (!document.createElement('canvas').getContext('webgl2')) throw new Error('this browser has no WebGL 2');
  const address = URL.createObjectURL(new Blob([await script('niivue.js')], { type: 'text/javascript' }));
  const widget = (await import(address)).default;
  URL.revokeObjectURL(address);
  const model = modelOf({
    opts: {
      sliceType: 4, backColor: [0, 0, 0, 1], show3Dcrosshair: false, isColorbar: false,
      isOrientCube: false, isOrientationTextVisible: false, loadingText: '',
    },
    scene: { renderAzimuth: FRONT, renderElevation: LEVEL },
    height: stage.clientHeight, volumes: [], meshes: [], graph: {},
  });
  await quietly(async () => {
    await widget.initialize({ model });
    await widget.render({ model, el: stage });
  });
  stage.querySelector('canvas').setAttribute('aria-label', 'The released head; drag to turn it');
  return model;
}

// The widget tells the console of each step, which nobody reads here.
async function quietly(work) {
  const { log } = console;
  console.log = () => {};
  try { return await work(); } finally { console.log = log; }
}

// The widget tells when a volume is shown, and of one that it cannot read nothing but an error.
function shownIn(model, name) {
  return new Promise((done, failed) => {
    const watch = new AbortController();
    const late = setTimeout(() => end(failed, new Error('it took too long')), PATIENCE_MS);
    const seen = ({ event, data: told }) => { if (event === 'image_loaded' && told.id === name) end(done); };
    const end = (call, value) => {
      clearTimeout(late);
      watch.abort();
      model.off('sent', seen);
      call(value);
    };
    model.on('sent', seen);
    addEventListener('unhandledrejection', (event) => {
      event.preventDefault();
      end(failed, new Error('the volume cannot be read'));
    }, { signal: watch.signal });
  });
}

async function turn(row) {
  if (!row.volume || row.volume === turned) return;
  stageSays.textContent = 'Loading …';
  turning ??= await started();
  const base64 = await script(row.volume);
  const last = turning.get('volumes');
  turned = '';
  const name = `head-${(loads += 1)}`; // NiiVue takes one of a name that it had for the same
  volumes.set(name, volumeOf(name, base64));
  turning.set('volumes', [`IPY_MODEL_${name}`]);
  await quietly(() => Promise.all([shownIn(turning, name), turning.tell('change:volumes')]));
  await turning.tell('msg:custom', { type: 'set_volume_render_illumination', data: [LIGHT] }, []);
  for (const before of last) volumes.delete(before.slice('IPY_MODEL_'.length));
  turned = row.volume;
}

// One after the other; of those that were asked for meanwhile only the last is shown.
function showHead(row, isWanted) {
  queue = queue.then(async () => {
    if (!isWanted()) return;
    try {
      await turn(row);
      if (!isWanted()) return; // no head stands beside the name of another
      stage.classList.add('turning');
      for (const button of document.querySelectorAll('[data-azimuth]')) button.hidden = false;
      turnButton.hidden = true;
      stageSays.textContent = 'Drag to turn, scroll to zoom.';
    } catch (error) {
      if (isWanted()) stageSays.textContent = `The head cannot be turned here: ${error.message}.`;
    } finally {
      stage.dataset.shown = turned;
    }
  });
  return queue;
}

function lookFrom(azimuth) {
  if (!turning) return;
  turning.set('scene', { renderAzimuth: azimuth, renderElevation: LEVEL });
  turning.tell('change:scene');
  turning.tell('msg:custom', { type: 'draw_scene', data: [] }, []);
}

function turnBy(degrees) {
  if (!turning || !stage.classList.contains('turning')) return;
  lookFrom((((turning.get('scene').renderAzimuth ?? FRONT) + degrees) % 360 + 360) % 360);
}

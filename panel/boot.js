// Loads the program that is needed: the ways in first, which are small, and the board once somebody is in; the pages
// of administration by their path.

const board = { js: '{{panel_js}}', wasm: '{{panel_wasm}}' };
const manage = { js: '{{manage_js}}', wasm: '{{manage_wasm}}', css: '{{manage_css}}' };
const entry = '{{entry_js}}';
// How long whoever types a password has the line to themselves before the board is fetched, in milliseconds.
const UNHURRIED = 2000;

// What acts by itself as soon as it is in a page.
const ACTS = /<(base|embed|frame|iframe|link|meta|object|script|style)\b|[\s"'/]on\w+\s*=|javascript:|srcdoc/i;

// What may become markup or a script in this page (Trusted Types, which `_headers` requires): Leptos writes its own
// templates as markup, and there is one service worker.
window.trustedTypes?.createPolicy('default', {
  createHTML: (markup) => (ACTS.test(markup) ? null : markup),
  createScriptURL: (address) => (address === '/sw.js' ? address : null),
});

// Light or dark, as it was chosen; a browser may forbid to keep anything.
function theme() {
  try {
    return localStorage.getItem('pinlatch.theme') ?? 'system';
  } catch {
    return 'system';
  }
}

function link(members) {
  return new Promise((resolve, reject) => {
    const added = Object.assign(document.createElement('link'), members, { onload: resolve, onerror: reject });
    document.head.append(added);
  });
}

// The ways in begin by asking who comes: the answer is there by then. A guest's page asks otherwise, and who brings
// something along (#invite=…) is asked nothing before it has been used.
function askEarly() {
  if (location.hash || new URLSearchParams(location.search).has('as')) return;
  link({ rel: 'preload', as: 'fetch', crossOrigin: '', href: '/api/v1/session' }).catch(() => {});
}

// What cannot be fetched now is fetched when it is needed.
function fetchEarly({ js, wasm }, soon) {
  link(soon ? { rel: 'modulepreload', href: js } : { rel: 'prefetch', as: 'script', crossOrigin: '', href: js }).catch(() => {});
  link({ rel: soon ? 'preload' : 'prefetch', as: 'fetch', type: 'application/wasm', crossOrigin: '', href: wasm }).catch(() => {});
}

async function run(js) {
  const program = await import(js);
  await program.start();
}

async function load() {
  if (/^\/s\/[^/]+\/manage(\/|$)/.test(location.pathname)) {
    fetchEarly(manage, true);
    await link({ rel: 'stylesheet', href: manage.css });
    return run(manage.js);
  }
  askEarly();
  addEventListener('pinlatch:in', () => run(board.js).catch(failed), { once: true });
  // Where the browser keeps the page (sw.js), the board is at hand while the ways in find out who comes; else it waits
  // until they are there and can be used.
  const atHand = Boolean(navigator.serviceWorker?.controller);
  if (atHand) fetchEarly(board, true);
  await run(entry);
  if (!atHand) setTimeout(fetchEarly, UNHURRIED, board, false);
}

function failed(error) {
  console.error(error);
  const text = document.createElement('p');
  text.setAttribute('role', 'alert');
  text.textContent = 'The page could not be loaded. Check your connection, then reload the page.';
  document.querySelector('main.starting')?.append(text);
}

document.documentElement.dataset.theme = theme();
load().catch(failed);

// Loads the program that the page needs. On the administration pages, the path selects the program
// `manage`. On all other pages, the small program `entry` is loaded first, and the board is loaded
// after login.

const board = { js: '{{panel_js}}', wasm: '{{panel_wasm}}', css: '{{panel_css}}' };
const manage = { js: '{{manage_js}}', wasm: '{{manage_wasm}}', css: '{{manage_css}}' };
const entry = '{{entry_js}}';
// The delay before the board is prefetched, in milliseconds. During the delay, the login page can
// use the full bandwidth.
const UNHURRIED = 2000;

// Matches HTML markup that can load a resource or run a script without a user action.
const ACTS = /<(base|embed|frame|iframe|link|meta|object|script|style)\b|[\s"'/]on\w+\s*=|javascript:|srcdoc/i;

// Creates the default Trusted Types policy, which the Content-Security-Policy in `_headers`
// requires. The policy permits harmless markup, because Leptos inserts templates as markup. The
// policy permits only one script URL, because the panel has one service worker.
window.trustedTypes?.createPolicy('default', {
  createHTML: (markup) => (ACTS.test(markup) ? null : markup),
  createScriptURL: (address) => (address === '/sw.js' ? address : null),
});

// Returns the chosen theme. Access to `localStorage` can throw an exception.
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

// Preloads the status of the session, because the login program requests this status first. A
// guest's page is excluded, because it requests the status at a different URL. A page with a
// fragment such as #invite=… is excluded, because it does not request the status first.
function askEarly() {
  if (location.hash || new URLSearchParams(location.search).has('as')) return;
  const site = location.pathname.match(/^\/s\/([^/]+)/)?.[1];
  const href = `/api/v1/session${site ? `?site=${site}` : ''}`;
  link({ rel: 'preload', as: 'fetch', crossOrigin: '', href }).catch(() => {});
}

// Loads the files of a program early. A failure is ignored, because the files are fetched again
// when they are needed.
function fetchEarly({ js, wasm, css }, soon) {
  link(soon ? { rel: 'modulepreload', href: js } : { rel: 'prefetch', as: 'script', crossOrigin: '', href: js }).catch(() => {});
  link({ rel: soon ? 'preload' : 'prefetch', as: 'style', href: css }).catch(() => {});
  link({ rel: soon ? 'preload' : 'prefetch', as: 'fetch', type: 'application/wasm', crossOrigin: '', href: wasm }).catch(() => {});
}

async function run({ js, css }) {
  const [program] = await Promise.all([import(js), css && link({ rel: 'stylesheet', href: css })]);
  await program.start();
}

async function load() {
  if (/^\/s\/[^/]+\/manage(\/|$)/.test(location.pathname)) {
    fetchEarly(manage, true);
    return run(manage);
  }
  askEarly();
  addEventListener('pinlatch:in', () => run(board).catch(failed), { once: true });
  // If the service worker (sw.js) controls this page, its cache contains the board, so the board is
  // loaded immediately. Otherwise, the board is prefetched after the login page has started.
  const atHand = Boolean(navigator.serviceWorker?.controller);
  if (atHand) fetchEarly(board, true);
  await run({ js: entry });
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

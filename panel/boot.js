// Loads the needed program: first sign-in, which is small, and the board after sign-in. The administration pages are
// selected by their path.

const board = { js: '{{panel_js}}', wasm: '{{panel_wasm}}' };
const manage = { js: '{{manage_js}}', wasm: '{{manage_wasm}}', css: '{{manage_css}}' };
const entry = '{{entry_js}}';
// The board is prefetched after this delay, in milliseconds, so that it does not compete with sign-in for bandwidth.
const UNHURRIED = 2000;

// Markup that can load or run something without a user action.
const ACTS = /<(base|embed|frame|iframe|link|meta|object|script|style)\b|[\s"'/]on\w+\s*=|javascript:|srcdoc/i;

// The Trusted Types policy, which `_headers` requires. Leptos writes its own templates as markup, and there is one
// service worker.
window.trustedTypes?.createPolicy('default', {
  createHTML: (markup) => (ACTS.test(markup) ? null : markup),
  createScriptURL: (address) => (address === '/sw.js' ? address : null),
});

// The chosen theme. Access to the storage may throw.
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

// Preloads the session's status, which sign-in requests first. Not for a guest's page, which uses another address, and
// not for a page with a fragment such as #invite=…, which does not request the status first.
function askEarly() {
  if (location.hash || new URLSearchParams(location.search).has('as')) return;
  link({ rel: 'preload', as: 'fetch', crossOrigin: '', href: '/api/v1/session' }).catch(() => {});
}

// A failed prefetch is ignored: the file is fetched again when it is needed.
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
  // If the service worker (sw.js) has the page, the board is loaded at once from its cache. Otherwise it is prefetched
  // after sign-in can be used.
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

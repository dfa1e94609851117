// Caches the panel's page and its assets, so that the panel opens without a network connection. API
// calls, WebSockets and all other requests go to the server and are never cached.
const SHELL = 'pinlatch-shell-1';
const PAGE = '/';
// The cached page is shown if the server does not answer within this time, in milliseconds.
const PATIENCE = 3000;

self.addEventListener('install', (event) => {
  event.waitUntil(fetch(PAGE, { cache: 'no-cache' }).then(keep).then(() => self.skipWaiting()));
});

self.addEventListener('activate', (event) => {
  const old = caches.keys().then((names) =>
    Promise.all(names.filter((name) => name.startsWith('pinlatch-') && name !== SHELL).map((name) => caches.delete(name))));
  event.waitUntil(old.then(() => self.clients.claim()));
});

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== 'GET' || origin !== location.origin) return;
  if (request.mode === 'navigate' && (pathname === '/' || pathname.startsWith('/s/'))) {
    event.respondWith(page(event));
  } else if (pathname.startsWith('/assets/') || pathname.startsWith('/icons/') || pathname === '/favicon.svg') {
    event.respondWith(caches.match(request).then((kept) => kept ?? fetch(request)));
  }
});

// Returns the server's page if the server answers in time, and otherwise the cached page. All sites
// and paths use the same page.
async function page(event) {
  const fresh = fetch(event.request).then((answer) => {
    if (isPage(answer)) event.waitUntil(keep(answer.clone()));
    return answer;
  });
  const kept = await caches.match(PAGE);
  if (!kept) return fresh;
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE, kept));
  return Promise.race([fresh.catch(() => kept), late]);
}

function isPage(answer) {
  return answer.ok && !answer.redirected && (answer.headers.get('Content-Type') ?? '').startsWith('text/html');
}

function named(text) {
  return [...new Set(text.match(/\/(?:assets|icons)\/[\w.-]+|\/favicon\.svg/g))];
}

// Caches a page with all its assets, except the assets of the administration pages. If an asset
// cannot be fetched, nothing is cached. Assets that the page no longer references are deleted from
// the cache.
async function keep(answer) {
  if (!isPage(answer)) return;
  const text = await answer.clone().text();
  const parts = named(text);
  // The page references the program `entry`. `boot.js` references the other programs.
  const boot = parts.find((part) => part.startsWith('/assets/boot-'));
  const more = boot ? named(await (await caches.match(boot) ?? await fetch(boot)).text()) : [];
  parts.push(...more.filter((part) => !part.startsWith('/assets/manage-') && !parts.includes(part)));
  const shell = await caches.open(SHELL);
  const missing = [];
  for (const part of parts) if (!(await shell.match(part))) missing.push(part);
  await shell.addAll(missing);
  await shell.put(PAGE, new Response(text, { headers: answer.headers }));
  for (const request of await shell.keys()) {
    const { pathname } = new URL(request.url);
    if (pathname !== PAGE && !parts.includes(pathname)) await shell.delete(request);
  }
}

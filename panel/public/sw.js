// Keeps the page and what it is made of, so that the panel opens without network. Answers of the API, sockets and
// everything else go to the server and are never kept.
const SHELL = 'pinlatch-shell-1';
const PAGE = '/';
// How long a page may be waited for before the kept one is shown, in milliseconds.
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

// The server's page if it comes soon, else the kept one. All sites and pages have the same.
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

// Keeps a page with all that it needs, administration apart, or nothing; what no page names any more is forgotten.
async function keep(answer) {
  if (!isPage(answer)) return;
  const text = await answer.clone().text();
  const parts = named(text);
  // The page names the program that begins; its script names the others.
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

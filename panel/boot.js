// Loads the program for the page's path: a stranger's first page stays small, administration comes on demand.

const isManage = /^\/s\/[^/]+\/manage(\/|$)/.test(location.pathname);

function link(members) {
  return new Promise((resolve, reject) => {
    const added = Object.assign(document.createElement('link'), members, { onload: resolve, onerror: reject });
    document.head.append(added);
  });
}

async function load() {
  if (isManage) {
    link({ rel: 'preload', as: 'fetch', type: 'application/wasm', crossOrigin: '', href: '{{manage_wasm}}' });
    const styled = link({ rel: 'stylesheet', href: '{{manage_css}}' });
    const [program] = await Promise.all([import('{{manage_js}}'), styled]);
    await program.start();
  } else {
    const program = await import('{{panel_js}}');
    await program.start();
  }
}

load().catch((error) => {
  console.error(error);
  const text = document.createElement('p');
  text.setAttribute('role', 'alert');
  text.textContent = 'The page could not be loaded. Check your connection, then load it again.';
  document.querySelector('main.starting')?.append(text);
});

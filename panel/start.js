// Starts one of the panel's programs, in two tasks: between its compilation and its first drawing, a slow phone can
// answer a tap. Where the stream cannot be compiled, wasm-bindgen's own way tries again and says why.

import init from '{{glue}}';

const nextTask = () =>
  new Promise((begin) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => begin(port1.close());
    port2.postMessage(null);
  });

export async function start() {
  const program = await WebAssembly.compileStreaming(fetch('{{wasm}}')).catch(() => '{{wasm}}');
  await nextTask();
  await init({ module_or_path: program });
}

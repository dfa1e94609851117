// Compiles and starts one of the panel's programs in two separate tasks. Between the two tasks, a
// slow phone can handle a tap. If streaming compilation fails, wasm-bindgen loads the wasm file and
// reports the error.

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

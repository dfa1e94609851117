// This file is the entry point of the Worker. The file loads the module that wasm-bindgen
// generates, and replaces the wasm instance after a trap.
//
// After a panic or an out-of-memory error in Rust, the wasm instance is in an unknown state.
// wasm-bindgen can replace a broken wasm instance with a new one (`__wbg_reset_state`). All Rust
// objects of the old wasm instance are then invalid. Each Durable Object is therefore a JavaScript
// object that can create its Rust object again. A Durable Object loses no data, because the state
// of the Durable Object is stored in SQLite.

import * as bindings from 'bindings';

// The JavaScript code and the Rust code share the state object `wasm`. The panic hook of the crate
// `worker` sets `criticalError`. The value of `instanceId` changes when wasm-bindgen replaces the
// wasm instance.
const wasm = bindings.__worker_init_state();

function replaceBrokenInstance() {
  if (wasm.criticalError) {
    wasm.criticalError = false;
    bindings.__wbg_reset_state();
  }
}

// Callbacks that reject the pending calls of the current wasm instance. Each pending call must be
// rejected, because a broken wasm instance never completes a call.
const waiting = new Set();

function noteTrap(error) {
  if (error instanceof WebAssembly.RuntimeError) {
    console.error('the wasm instance trapped and will be replaced:', error.message);
    wasm.criticalError = true;
    waiting.forEach((fail) => fail(new Error('the Worker failed and starts again')));
    waiting.clear();
  }
}

// These event listeners handle traps in promise callbacks, because no caller can catch the error of
// a promise callback.
addEventListener('error', (event) => noteTrap(event.error));
addEventListener('unhandledrejection', (event) => noteTrap(event.reason));

async function guarded(call) {
  replaceBrokenInstance();
  let fail;
  const failed = new Promise((_, reject) => waiting.add((fail = reject)));
  try {
    return await Promise.race([call(), failed]);
  } catch (error) {
    noteTrap(error);
    throw error;
  } finally {
    waiting.delete(fail);
  }
}

export default {
  fetch: (request, env, context) => guarded(() => bindings.fetch(request, env, context)),
};

function durableObject(RustObject) {
  class Shim {
    constructor(state, env) {
      replaceBrokenInstance();
      this.arguments = [state, env];
      this.create();
    }

    create() {
      this.rust = new RustObject(...this.arguments);
      this.instanceId = wasm.instanceId;
    }

    call(handler, values) {
      return guarded(() => {
        if (this.instanceId !== wasm.instanceId) {
          this.create();
        }
        return this.rust[handler](...values);
      });
    }
  }
  // workerd calls a handler only if the class of the Durable Object defines the handler. The
  // Durable Object classes of Pinlatch define different handlers.
  for (const handler of ['fetch', 'alarm', 'webSocketMessage', 'webSocketClose', 'webSocketError']) {
    if (handler in RustObject.prototype) {
      Shim.prototype[handler] = function (...values) {
        return this.call(handler, values);
      };
    }
  }
  return Shim;
}

export const SiteObject = durableObject(bindings.SiteObject);
export const GateObject = durableObject(bindings.GateObject);
export const PublishedObject = durableObject(bindings.PublishedObject);

// The Worker's entry for workerd: it loads the module that wasm-bindgen generates, and recovers from a trap.
//
// Rust code that panics or runs out of memory leaves its wasm instance in an unknown state. wasm-bindgen can replace
// that instance with a new one (`__wbg_reset_state`). Objects that Rust created in the old instance are then invalid,
// so each Durable Object is a JavaScript object that can create its Rust object again. The state of a Durable Object is
// in SQLite, so it is not lost.

import * as bindings from 'bindings';

// Shared with Rust: the panic hook of the crate `worker` sets `criticalError`, and `instanceId` counts the instances.
const wasm = bindings.__worker_init_state();

function replaceBrokenInstance() {
  if (wasm.criticalError) {
    wasm.criticalError = false;
    bindings.__wbg_reset_state();
  }
}

// Callbacks that reject the pending calls of the current wasm instance, because a broken instance never finishes its
// calls.
const waiting = new Set();

function noteTrap(error) {
  if (error instanceof WebAssembly.RuntimeError) {
    console.error('the wasm instance trapped and will be replaced:', error.message);
    wasm.criticalError = true;
    waiting.forEach((fail) => fail(new Error('the Worker failed and starts again')));
    waiting.clear();
  }
}

// A trap in a promise callback has no caller that can catch it, so these listeners handle it.
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
  // workerd calls a handler only if the Durable Object defines it. Our Durable Object classes define different
  // handlers.
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

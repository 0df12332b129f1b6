// A widget host in one frame: it grants what anywidget's specification promises and, if told to, what
// VS Code's or Colab's widget manager adds. The test is its kernel: `toKernel` goes there, `receive` comes
// from there.
globalThis.startHost = (options) => {
  const models = new Map();
  const violations = [];
  document.addEventListener("securitypolicyviolation", (event) => {
    violations.push(`${event.violatedDirective}: ${event.blockedURI}`);
  });

  class Model {
    #callbacks = new Map();
    #changed = {};
    constructor(id, state) {
      this.id = id;
      this.state = state;
      this.end = new AbortController();
      this.ready = this.#start();
    }
    receive({ method, state, content }) {
      if (method === "custom") this.#fire("msg:custom", structuredClone(content), []);
      else {
        Object.assign(this.state, state);
        for (const name of Object.keys(state)) this.#fire(`change:${name}`);
      }
    }
    view(el, signal) {
      return this.widget.render({ ...this.#granted(signal), el });
    }
    #fire(name, ...args) {
      for (const callback of [...(this.#callbacks.get(name) ?? [])]) callback(...args);
    }
    #granted(signal) {
      const model = {
        get: (name) => this.state[name],
        set: (name, value) => {
          this.state[name] = this.#changed[name] = value;
          this.#fire(`change:${name}`);
        },
        save_changes: () => {
          toKernel({ id: this.id, method: "update", state: this.#changed });
          this.#changed = {};
        },
        on: (name, callback) => {
          this.#callbacks.set(name, [...(this.#callbacks.get(name) ?? []), callback]);
        },
        off: (name, callback) => {
          const kept = (this.#callbacks.get(name) ?? []).filter((each) => callback && each !== callback);
          this.#callbacks.set(name, kept);
        },
        send: (content) => void toKernel({ id: this.id, method: "custom", content }),
      };
      if (options.manager) model.widget_manager = { get_model: find };
      return { model, ...(options.signals ? { signal } : {}) };
    }
    async #start() {
      const blob = new Blob([this.state._esm], { type: "text/javascript" });
      const url = options.scripts === "data:"
        ? `data:text/javascript,${encodeURIComponent(this.state._esm)}`
        : URL.createObjectURL(blob);
      const made = (await import(url)).default;
      this.widget = typeof made === "function" ? await made() : made;
      await this.widget.initialize?.(this.#granted(this.end.signal));
    }
  }

  async function find(id) {
    if (!models.has(id) && options.manager === "asked") {
      const state = await toKernel({ id, method: "state" });
      if (state && !models.has(id)) models.set(id, new Model(id, state));
    }
    const model = models.get(id);
    if (!model) throw new Error(`no model ${id}`);
    await model.ready;
    return model;
  }

  return {
    violations,
    open(id, state) {
      if (!models.has(id)) models.set(id, new Model(id, state));
    },
    async receive(id, message) {
      const model = models.get(id);
      await model?.ready;
      model?.receive(message);
    },
    /** Shows a widget in `el`; the function that takes it away again. */
    async show(id, el) {
      await models.get(id).ready;
      const end = new AbortController();
      const clean = await models.get(id).view(el, end.signal);
      return () => {
        end.abort();
        clean?.();
        el.remove();
      };
    },
    /** What a page may still decide when its first script has run. */
    forbid(policy) {
      const meta = document.createElement("meta");
      meta.httpEquiv = "Content-Security-Policy";
      meta.content = policy;
      document.head.append(meta);
    },
  };
};

// Asks the AG-UI agent at a URL with AG-UI's own client; prints the events it took and the messages it made.
import { createRequire } from "node:module";

const require = createRequire(new URL("../../js/package.json", import.meta.url));
const { HttpAgent } = require("@ag-ui/client");

const [url, prompt, token] = process.argv.slice(2);
const agent = new HttpAgent({ url, headers: token ? { authorization: `Bearer ${token}` } : {} });
agent.setMessages([{ id: "1", role: "user", content: prompt }]);
const events = [];
await agent.runAgent({}, { onEvent: ({ event }) => void events.push(event.type) });
console.log(JSON.stringify({ events, messages: agent.messages }));

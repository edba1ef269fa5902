import { optional, parseArguments, toggle, unsigned } from "@stagbeetle/command-line";

const declaration = {
  flags: { port: optional("port", unsigned(16), "where to listen"), json: toggle("print JSON") },
  positional: "path",
};
const { values, positional } = parseArguments(declaration, ["--port=3000", "--json", "file"]);
console.log(values.port, values.json, positional);

// Lists the routes of the OpenAPI description, with what they take.

const base = new URL(location.pathname.endsWith("interface.html") ? "../" : "./", location.href);
const described = await (await fetch(new URL("openapi.json", base))).json();
const routes = document.getElementById("routes");

function line(name, text) {
  const node = document.createElement(name);
  node.textContent = text;
  return node;
}

function taken(route) {
  const names = (route.parameters ?? []).map((one) => one.name);
  for (const content of Object.values(route.requestBody?.content ?? {})) {
    const name = content.schema.$ref?.split("/").pop();
    const schema = name ? described.components.schemas[name] : content.schema;
    names.push(...Object.keys(schema.properties ?? {}));
  }
  return names;
}

for (const [path, methods] of Object.entries(described.paths)) {
  for (const [method, route] of Object.entries(methods)) {
    routes.append(line("h2", `${method.toUpperCase()} ${path}`), line("p", route.description ?? route.summary));
    if (taken(route).length) routes.append(line("p", `takes: ${taken(route).join(", ")}`));
  }
}

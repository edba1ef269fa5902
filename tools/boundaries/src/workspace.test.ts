import { expect, test } from "vitest";

import { layers } from "./layers.ts";
import { overlookedTests, readMembers } from "./workspace.ts";

const members = readMembers();

test("the workspace has members, so the other tests look at something", () => {
  expect(members.map(({ folder }) => folder)).toEqual(
    expect.arrayContaining(["apps/replica", "packages/vsr-protocol", "tools/boundaries"]),
  );
});

test("a layer lists only layers that stand before it", () => {
  const order = Object.keys(layers);
  for (const [name, { mayImport }] of Object.entries(layers)) {
    const below = order.slice(0, order.indexOf(name));
    expect(below, name).toEqual(expect.arrayContaining([...mayImport]));
  }
});

test("every package has its place in the layers", () => {
  const packages = members.filter(({ folder }) => folder.startsWith("packages/"));
  expect(Object.keys(layers)).toEqual(expect.arrayContaining(packages.map(({ name }) => name)));
});

test("a package depends only on packages that it may import, in its tests too", () => {
  const packages = members.filter(({ folder }) => folder.startsWith("packages/"));
  for (const { name, dependsOn } of packages) {
    const mayImport = layers[name]?.mayImport ?? [];
    expect(
      dependsOn.filter((dependency) => !mayImport.includes(dependency)),
      name,
    ).toEqual([]);
  }
});

test("nothing depends on an app, and only apps and tools depend on a tool", () => {
  const nameOf = (kind: string): string[] =>
    members.filter(({ folder }) => folder.startsWith(`${kind}/`)).map(({ name }) => name);
  const packages = new Set(nameOf("packages"));
  for (const { folder, dependsOn } of members) {
    if (folder.startsWith("tools/")) continue;
    expect(
      dependsOn.filter((dependency) => !packages.has(dependency)),
      folder,
    ).toEqual([]);
  }
});

test("no test file lies where no test run finds it", () => {
  expect(overlookedTests(members)).toEqual([]);
});

// A worker to begin with. arcanos runs every file of this folder that imports the OpenAI SDK;
// this one exports a function, so it is a task: called once, and done when it returns.
//
//   arcanos logs hello                                      what it wrote
//   arcanos run-task hello --input '{"topic":"owls"}'       once more, with an input
//
// Save a change to this file, and it runs again.

import OpenAI from "openai";

export default async function hello(input, { model, signal }) {
  const openai = new OpenAI(); // Key and address come from the environment that arcanos gives it.
  const topic = input?.topic ?? "a supervisor of workers";
  const answer = await openai.chat.completions.create(
    {
      model: model ?? process.env.AI_MODEL,
      messages: [{ role: "user", content: `Say hello in one sentence about ${topic}.` }],
    },
    { signal }, // Aborted when arcanos stops the worker.
  );
  const text = answer.choices[0].message.content;
  console.log(`The model says: ${text}`);
  return { topic, text };
}

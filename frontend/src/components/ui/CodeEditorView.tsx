// The editor itself: CodeMirror for JSON, with the page's colours and the response's nonce for its styles.
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { json, jsonParseLinter } from "@codemirror/lang-json";
import { bracketMatching, ensureSyntaxTree, HighlightStyle, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { type Diagnostic, lintGutter, linter, lintKeymap } from "@codemirror/lint";
import { EditorState, StateEffect, StateField } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useEffect, useRef } from "react";

import { placeOf } from "@/components/ui/json-places";
import { cspNonce } from "@/lib/base";

export interface EditorProblem {
  /** Dotted steps from the value's root, "items.0.amount"; empty for the whole. */
  at: string;
  message: string;
}

export interface CodeEditorViewProps {
  value: string;
  /** Another number makes the editor take `value` over; typing alone never does, for a late render would undo keys. */
  edition?: number;
  onChange?: (text: string) => void;
  label: string;
  readOnly?: boolean;
  /** What someone else found wrong with this text; marked at its places. */
  problems?: readonly EditorProblem[];
}

const NONE: readonly EditorProblem[] = [];
const TREE_MILLISECONDS = 200;
const setProblems = StateEffect.define<readonly EditorProblem[]>();
const problemsField = StateField.define<readonly EditorProblem[]>({
  create: () => NONE,
  update: (before, transaction) => transaction.effects.reduce((found, effect) => (effect.is(setProblems) ? effect.value : found), before),
});

const look = EditorView.theme({
  "&": { color: "var(--ink)", backgroundColor: "transparent", fontSize: "12.5px", maxHeight: "50vh" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--font-mono)", lineHeight: "20px", minHeight: "140px" },
  ".cm-content": { caretColor: "var(--ink)", padding: "8px 0" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  ".cm-gutters": { backgroundColor: "transparent", color: "var(--ink-3)", border: "none" },
  ".cm-activeLine": { backgroundColor: "color-mix(in oklab, var(--hover) 60%, transparent)" },
  ".cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground": {
    backgroundColor: "color-mix(in oklab, var(--accent) 30%, transparent)",
  },
  ".cm-tooltip": { backgroundColor: "var(--surface)", color: "var(--ink)", borderColor: "var(--line-strong)" },
});

const colours = HighlightStyle.define([
  { tag: tags.propertyName, color: "var(--ink)" },
  { tag: tags.string, color: "var(--green)" },
  { tag: tags.number, color: "var(--blue)" },
  { tag: [tags.bool, tags.null], color: "var(--violet)" },
  { tag: tags.punctuation, color: "var(--ink-2)" },
]);

// Typing over a selection, Chromium keeps its colours as a style attribute, which the Content-Security-Policy refuses.
const typeOverSelection = EditorView.domEventHandlers({
  beforeinput: (event, view) => {
    if (event.inputType !== "insertText" || !event.data || event.isComposing || view.state.readOnly) return false;
    // The browser's own selection: the editor may not have heard of one that was made a moment ago.
    const selection = document.getSelection();
    if (!selection?.rangeCount || selection.isCollapsed) return false;
    const over = selection.getRangeAt(0);
    const insert = view.state.toText(event.data);
    const from = view.posAtDOM(over.startContainer, over.startOffset);
    const to = view.posAtDOM(over.endContainer, over.endOffset);
    view.dispatch({ changes: { from, to, insert }, selection: { anchor: from + insert.length }, userEvent: "input.type", scrollIntoView: true });
    event.preventDefault();
    return true;
  },
});

const syntax = jsonParseLinter();

function lint(view: EditorView): Diagnostic[] {
  const problems = view.state.field(problemsField);
  const tree = problems.length ? ensureSyntaxTree(view.state, view.state.doc.length, TREE_MILLISECONDS) : null;
  const text = view.state.doc.toString();
  const refused = tree ? problems.map(({ at, message }): Diagnostic => ({ ...placeOf(tree, text, at.split(".").filter(Boolean)), severity: "error", message })) : [];
  return [...syntax(view), ...refused];
}

/** The loaded editor; Tab indents, so Escape then Tab leaves it. Another `edition` replaces its text by `value`, which one can undo. */
export default function CodeEditorView({ value, edition = 0, onChange, label, readOnly = false, problems = NONE }: CodeEditorViewProps) {
  const place = useRef<HTMLDivElement>(null);
  const editor = useRef<EditorView | null>(null);
  const tell = useRef(onChange);
  const latest = useRef(value);
  useEffect(() => {
    tell.current = onChange;
    latest.current = value;
  });
  useEffect(() => {
    if (!place.current) return;
    const view = new EditorView({
      parent: place.current,
      state: EditorState.create({
        doc: latest.current,
        extensions: [
          EditorView.cspNonce.of(cspNonce()),
          EditorState.readOnly.of(readOnly),
          EditorView.contentAttributes.of({ "aria-label": label }),
          lineNumbers(),
          history(),
          drawSelection(),
          indentOnInput(),
          bracketMatching(),
          highlightActiveLine(),
          json(),
          typeOverSelection,
          problemsField,
          linter(lint, { delay: 250, needsRefresh: (update) => update.transactions.some(({ effects }) => effects.some((effect) => effect.is(setProblems))) }),
          lintGutter(),
          syntaxHighlighting(colours),
          look,
          EditorView.lineWrapping,
          keymap.of([...defaultKeymap, ...historyKeymap, ...lintKeymap, indentWithTab]),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) tell.current?.(update.state.doc.toString());
          }),
        ],
      }),
    });
    editor.current = view;
    return () => {
      view.destroy();
      editor.current = null;
    };
  }, [label, readOnly]);
  useEffect(() => {
    const view = editor.current;
    const text = latest.current;
    if (view && view.state.doc.toString() !== text) view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
  }, [edition]);
  useEffect(() => {
    editor.current?.dispatch({ effects: setProblems.of(problems) });
  }, [problems]);
  return <div ref={place} />;
}

// The places of the sidebar, in its order.
import { Cpu, Inbox, LayoutDashboard, Layers, ListTodo, type LucideIcon, SquareFunction } from "lucide-react";

export interface Place {
  to: "/" | "/jobs" | "/dead-letters" | "/queues" | "/workers" | "/tasks";
  label: string;
  icon: LucideIcon;
}

export const PLACES: readonly Place[] = [
  { to: "/", label: "Overview", icon: LayoutDashboard },
  { to: "/jobs", label: "Jobs", icon: ListTodo },
  { to: "/dead-letters", label: "Dead letters", icon: Inbox },
  { to: "/queues", label: "Queues", icon: Layers },
  { to: "/workers", label: "Workers", icon: Cpu },
  { to: "/tasks", label: "Tasks", icon: SquareFunction },
];

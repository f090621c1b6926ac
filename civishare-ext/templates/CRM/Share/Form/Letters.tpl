{* Changes that were set aside, and those that wait. *}
<div class="crm-block crm-form-block">
  <h3>{ts domain="civishare"}Set aside{/ts}</h3>
  {if $letters}
    <div class="help">{ts domain="civishare"}These changes were refused by the other site or could not be applied here, and are not tried again by themselves. Remove the reason first, then try again. Of a contact that several of this site match, or none, choose which one it is and link it.{/ts}</div>
    <table class="selector row-highlight">
      <thead>
        <tr>
          {if $mayChange}<th></th>{/if}
          <th>{ts domain="civishare"}Date{/ts}</th>
          <th>{ts domain="civishare"}Remote node{/ts}</th>
          <th>{ts domain="civishare"}What happened{/ts}</th>
          <th>{ts domain="civishare"}Reason{/ts}</th>
          <th>{ts domain="civishare"}Change{/ts}</th>
        </tr>
      </thead>
      {foreach from=$letters item=letter}
        {assign var=box value=$letter.box}
        <tr>
          {if $mayChange}<td>{$form.$box.html}</td>{/if}
          <td>{$letter.date|escape}</td>
          <td>{$letter.peering|escape}</td>
          <td>{$letter.direction|escape}</td>
          <td>
            {$letter.reason|escape}
            {if $letter.contact}
              {assign var=contact value=$letter.contact}
              {assign var=other value=$letter.other}
              <div>{$form.$contact.label} {$form.$contact.html} {$form.$other.label} {$form.$other.html}</div>
            {/if}
          </td>
          <td><details><summary><code>{$letter.type|escape}</code></summary><pre>{$letter.change|escape}</pre></details></td>
        </tr>
      {/foreach}
    </table>
    {if $more}<div class="status">{ts domain="civishare" 1=$more}%1 more are not shown.{/ts}</div>{/if}
    {if $mayChange}<div class="crm-submit-buttons">{include file="CRM/common/formButtons.tpl" location="bottom"}</div>{/if}
  {else}
    <div class="messages status no-popup">{ts domain="civishare"}No change was set aside.{/ts}</div>
  {/if}
  {if $waiting}
    <h3>{ts domain="civishare"}Waiting{/ts}</h3>
    <div class="help">{ts domain="civishare"}These changes could not be applied yet and are tried again by themselves.{/ts}</div>
    <table class="selector row-highlight">
      <thead>
        <tr>
          <th>{ts domain="civishare"}Next attempt{/ts}</th>
          <th>{ts domain="civishare"}Remote node{/ts}</th>
          <th>{ts domain="civishare"}Reason{/ts}</th>
          <th>{ts domain="civishare"}Change{/ts}</th>
        </tr>
      </thead>
      {foreach from=$waiting item=change}
        <tr>
          <td>{$change.date|escape}</td>
          <td>{$change.peering|escape}</td>
          <td>{$change.reason|escape}</td>
          <td><details><summary><code>{$change.type|escape}</code></summary><pre>{$change.change|escape}</pre></details></td>
        </tr>
      {/foreach}
    </table>
  {/if}
</div>

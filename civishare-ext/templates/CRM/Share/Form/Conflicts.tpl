{* The conflicts that wait for a person. *}
<div class="crm-block crm-form-block">
  {if $rows}
    <div class="help">{ts domain="civishare"}Both sites have changed the same attribute without knowing of each other. Until you decide, this site keeps its value. The other sites are told what you decide.{/ts}</div>
    <table class="selector row-highlight">
      <thead>
        <tr>
          <th>{ts domain="civishare"}Since{/ts}</th>
          <th>{ts domain="civishare"}Remote node{/ts}</th>
          <th>{ts domain="civishare"}Record{/ts}</th>
          <th>{ts domain="civishare"}Attribute{/ts}</th>
          <th>{ts domain="civishare"}Ours{/ts}</th>
          <th>{ts domain="civishare"}Theirs{/ts}</th>
          <th>{ts domain="civishare"}Decision{/ts}</th>
        </tr>
      </thead>
      {foreach from=$rows item=row}
        {assign var=how value=$row.how}
        {assign var=value value=$row.value}
        <tr>
          <td>{$row.date|escape}</td>
          <td>{$row.peering|escape}</td>
          <td>{if $row.url}<a href="{$row.url|escape}">{$row.entity|escape}</a>{else}{$row.entity|escape}{/if}</td>
          <td><code>{$row.attribute|escape}</code></td>
          <td>{$row.ours|escape}</td>
          <td>{$row.theirs|escape}</td>
          <td>{$form.$how.html} {$form.$value.html}</td>
        </tr>
      {/foreach}
    </table>
    {if $more}<div class="status">{ts domain="civishare" 1=$more}%1 more are shown once these are decided.{/ts}</div>{/if}
    <div class="crm-submit-buttons">{include file="CRM/common/formButtons.tpl" location="bottom"}</div>
  {else}
    <div class="messages status no-popup">{ts domain="civishare"}No conflict waits for a decision.{/ts}</div>
  {/if}
</div>
